"""The database's users: what the migrating one and the functions' one may do, and what they may not."""

from collections.abc import Iterator
from dataclasses import replace

import pymysql
import pytest
from express_batch.settings import DatabaseSettings

from batchctl.migrate.apply import apply_steps
from batchctl.migrate.connection import DatabaseTarget
from batchctl.migrate.errors import ConnectError
from batchctl.migrate.steps import read_steps
from tests.database.server import Probe
from tests.database.steps import ADD_PRICE, CREATE_PLANS, DATABASE, MIGRATIONS, OTHER_DATABASE, WriteStep


class TestUsers:
    """migrations/users/*.sql, with a password in the place of RDS's plugin, which MariaDB lacks."""

    @pytest.fixture
    def least_users(self, target: DatabaseTarget, admin: Probe) -> Iterator[dict[str, DatabaseTarget]]:
        names = {"migrator": "express_batch_migrator", "functions": "steps_functions"}
        migrator = replace(target, user=names["migrator"], make_password=lambda: "secret")
        try:
            run_users_file(admin, "migrator.sql", {})
            apply_steps(migrator, read_steps(MIGRATIONS))
            # The server's own administrator is called express_batch.
            run_users_file(admin, "functions.sql", {"'express_batch'@": f"'{names['functions']}'@"})
            yield {"migrator": migrator, "functions": replace(migrator, user=names["functions"])}
        finally:
            for name in names.values():
                admin.query(f"DROP USER IF EXISTS '{name}'@'%'")

    def test_migrator_can_apply_expand_and_contract_and_nothing_beyond(
        self, least_users: dict[str, DatabaseTarget], write_step: WriteStep
    ) -> None:
        migrator = least_users["migrator"]
        folder = write_step("0101_plans.sql", CREATE_PLANS).parent
        write_step("0102_price.sql", ADD_PRICE)
        write_step("0103_by_price.sql", "CREATE INDEX by_price ON plans (price)")
        write_step("0104_free.sql", "INSERT INTO plans (plan) VALUES ('free')")
        write_step("0105_drop.sql", "-- contract: 1.1.0 no longer reads the table plans\nDROP TABLE plans")
        assert len(apply_steps(migrator, read_steps(folder)).applied) == 5

        probe = open_probe(migrator)
        for statement in (
            "CREATE USER intruder",
            f"GRANT SELECT ON {DATABASE}.users TO steps_functions",
            f"CREATE TABLE {OTHER_DATABASE}.t (id INT)",
            "SELECT * FROM mysql.user",
        ):
            assert_denied(probe, statement)
        probe.close()

    def test_functions_user_can_write_its_rows_and_never_change_the_schema(
        self, least_users: dict[str, DatabaseTarget]
    ) -> None:
        probe = open_probe(least_users["functions"])
        for allowed in (
            "SELECT user_id, tenant_id FROM users",
            "INSERT INTO loyalty_points (user_id, points, tier, updated_at, answer_version) "
            "VALUES ('u', 1, 't', NOW(), 1)",
            "UPDATE loyalty_points SET points = 2 WHERE user_id = 'u'",
            "SELECT status FROM batch_run",
            "DELETE FROM batch_write",
            "DELETE FROM batch_run",
        ):
            probe.query(allowed)
        for refused in (
            "CREATE TABLE t (id INT)",
            "ALTER TABLE users ADD COLUMN x INT NULL",
            "DROP TABLE loyalty_points",
            "DELETE FROM loyalty_points",
            "INSERT INTO users (user_id, tenant_id) VALUES ('u', 't')",
            "SELECT * FROM schema_step",
            "SELECT * FROM _yoyo_migration",
        ):
            assert_denied(probe, refused)
        probe.close()

    def test_apply_says_which_grants_are_missing_when_the_functions_user_tries(
        self, least_users: dict[str, DatabaseTarget]
    ) -> None:
        with pytest.raises(
            ConnectError, match=r"denied.*has steps_functions the grants of migrations/users/migrator\.sql"
        ):
            apply_steps(least_users["functions"], read_steps(MIGRATIONS))


def run_users_file(admin: Probe, name: str, replacements: dict[str, str]) -> None:
    text = "\n".join(
        line for line in (MIGRATIONS / "users" / name).read_text().splitlines() if not line.startswith("--")
    )
    plugin = "IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS'"
    assert text.count(plugin) == 1, f"{name} makes no user that logs in by IAM"
    text = text.replace(plugin, "IDENTIFIED BY 'secret'").replace("express_batch.", f"{DATABASE}.")
    for old, new in replacements.items():
        text = text.replace(old, new)
    for statement in text.split(";"):
        if statement.strip():
            admin.query(statement)


def open_probe(target: DatabaseTarget) -> Probe:
    return Probe(
        DatabaseSettings(
            tenant_group="blue",
            run_bucket="bucket",
            database_host=target.host,
            database_port=target.port,
            database_name=target.name,
            database_user=target.user,
            database_auth="password",
            database_tls="off",
            database_password=target.make_password(),
        )
    )


def assert_denied(probe: Probe, statement: str) -> None:
    with pytest.raises(pymysql.err.OperationalError, match=r"denied|Access"):
        probe.query(statement)
