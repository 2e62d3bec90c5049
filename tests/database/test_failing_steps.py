"""Schema steps that fail or break off: what is said, what is left, and how the next run goes on."""

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pymysql
import pytest

from batchctl.migrate.apply import apply_steps
from batchctl.migrate.connection import DatabaseTarget, wait_for_database
from batchctl.migrate.errors import ConnectError, MigrationError, StepDoubtError, StepFailedError
from batchctl.migrate.steps import read_steps
from tests.database.server import Probe
from tests.database.steps import (
    ADD_PRICE,
    CREATE_PLANS,
    DATABASE,
    MIGRATIONS,
    OTHER_DATABASE,
    WriteStep,
    columns_of,
    states,
)


class TestFailing:
    def test_failing_step_is_named_and_leaves_the_earlier_ones_applied(
        self, target: DatabaseTarget, admin: Probe, write_step: WriteStep
    ) -> None:
        # GIVEN a step that the database refuses between two good ones
        folder = write_step("0001_plans.sql", CREATE_PLANS).parent
        write_step("0002_price.sql", "ALTER TABLE plan ADD COLUMN price INT NULL")
        write_step("0003_currency.sql", "ALTER TABLE plans ADD COLUMN currency CHAR(3) NULL")

        # WHEN they are applied
        with pytest.raises(StepFailedError) as caught:
            apply_steps(target, read_steps(folder))

        # THEN one line names file, statement and the database's error, and the status shows where it stopped
        message = str(caught.value)
        assert message.startswith(f"0002_price.sql, statement 1 of 1, refused by {target}: 1146 Table")
        assert "\n" not in message
        assert states(target, folder) == {"0001_plans": "applied", "0002_price": "failed", "0003_currency": "pending"}
        assert columns_of(admin, "plans") == {"plan"}

    def test_apply_goes_on_at_the_failed_step_when_it_was_corrected(
        self, target: DatabaseTarget, admin: Probe, write_step: WriteStep
    ) -> None:
        folder = write_step("0001_plans.sql", CREATE_PLANS).parent
        write_step("0002_price.sql", "ALTER TABLE plan ADD COLUMN price INT NULL")
        with pytest.raises(StepFailedError):
            apply_steps(target, read_steps(folder))

        write_step("0002_price.sql", ADD_PRICE)
        done = apply_steps(target, read_steps(folder))

        assert done.applied == ("0002_price",)
        assert columns_of(admin, "plans") == {"plan", "price"}

    def test_failing_step_of_rows_changes_none(
        self, target: DatabaseTarget, admin: Probe, write_step: WriteStep
    ) -> None:
        folder = write_step("0001_plans.sql", CREATE_PLANS).parent
        write_step("0002_plans.sql", "INSERT INTO plans (plan) VALUES ('free'), ('paid'), ('free')")

        with pytest.raises(StepFailedError, match=r"0002_plans\.sql.* 1062 Duplicate"):
            apply_steps(target, read_steps(folder))

        assert admin.query(f"SELECT plan FROM {DATABASE}.plans") == []

    def test_failure_stops_the_database_of_one_group_alone(self, target: DatabaseTarget, write_step: WriteStep) -> None:
        # GIVEN two groups with databases of their own, one of which lacks a table
        folder = write_step("0001_price.sql", "ALTER TABLE batch_run ADD COLUMN price INT NULL").parent
        other = replace(target, name=OTHER_DATABASE)
        apply_steps(other, read_steps(MIGRATIONS)[:1])

        with pytest.raises(StepFailedError):
            apply_steps(target, read_steps(folder))

        assert apply_steps(other, read_steps(folder)).applied == ("0001_price",)

    def test_step_that_took_effect_is_recorded_when_its_connection_broke_while_it_ran(
        self, target: DatabaseTarget, admin: Probe, write_step: WriteStep
    ) -> None:
        # GIVEN a step that was killed after the database had carried it out, and before that was recorded
        folder = write_step("0001_plans.sql", CREATE_PLANS).parent
        write_step("0002_price.sql", ADD_PRICE)
        apply_steps(target, read_steps(folder)[:1])
        with pytest.raises(StepDoubtError):
            apply_with_broken_connection(target, folder, admin)
        admin.query(ADD_PRICE.replace("plans", f"{DATABASE}.plans"))
        assert states(target, folder)["0002_price"] == "in doubt"

        # WHEN the same command runs again
        done = apply_steps(target, read_steps(folder))

        # THEN it finds the column there and takes the step as applied
        assert done.applied == ("0002_price",)
        assert states(target, folder)["0002_price"] == "applied"

    def test_step_runs_again_when_its_connection_broke_before_it_took_effect(
        self, target: DatabaseTarget, admin: Probe, write_step: WriteStep
    ) -> None:
        folder = write_step("0001_plans.sql", CREATE_PLANS).parent
        write_step("0002_price.sql", ADD_PRICE)
        apply_steps(target, read_steps(folder)[:1])

        with pytest.raises(StepDoubtError, match=r"0002_price\.sql, statement 1 of 1: the connection to .* broke"):
            apply_with_broken_connection(target, folder, admin)
        apply_steps(target, read_steps(folder))

        assert columns_of(admin, "plans") == {"plan", "price"}

    def test_step_that_exists_already_fails_when_it_was_never_in_doubt(
        self, target: DatabaseTarget, admin: Probe, write_step: WriteStep
    ) -> None:
        # A table that somebody made by hand may look otherwise: only a step that we began ourselves is taken as done.
        folder = write_step("0001_plans.sql", CREATE_PLANS).parent
        admin.query(f"CREATE TABLE {DATABASE}.plans (other INT)")

        with pytest.raises(StepFailedError, match="1050"):
            apply_steps(target, read_steps(folder))

    def test_apply_names_the_address_when_the_database_takes_no_connection(self, target: DatabaseTarget) -> None:
        with pytest.raises(ConnectError, match=r"database 127\.0\.0\.1:1/steps_test takes no connection as"):
            apply_steps(replace(target, port=1), read_steps(MIGRATIONS))

    def test_wait_ends_when_the_database_takes_a_connection(self, target: DatabaseTarget) -> None:
        # GIVEN a database that cannot be reached at the first attempt
        attempts: list[str] = []

        def make_password() -> str:
            attempts.append("attempt")
            if len(attempts) == 1:
                raise OSError("unreachable")
            return target.make_password()

        # WHEN one waits for it
        pauses: list[float] = []
        wait_for_database(replace(target, make_password=make_password), 60, pause=pauses.append)

        # THEN the second attempt is enough
        assert (len(attempts), len(pauses)) == (2, 1)

    def test_wait_ends_at_once_when_the_password_is_wrong(self, target: DatabaseTarget) -> None:
        pauses: list[float] = []

        with pytest.raises(ConnectError, match="1045"):
            wait_for_database(replace(target, make_password=lambda: "wrong"), 60, pause=pauses.append)

        assert pauses == []


def apply_with_broken_connection(target: DatabaseTarget, folder: Path, admin: Probe) -> None:
    """Applies, and kills the connection while the pending ALTER waits for a table that this test holds."""
    held = pymysql.connect(
        host=target.host, port=target.port, user=target.user, password=target.make_password(), database=target.name
    )
    problem: list[MigrationError] = []

    def run() -> None:
        try:
            apply_steps(target, read_steps(folder))
        except MigrationError as error:
            problem.append(error)

    with held.cursor() as cursor:
        cursor.execute("SELECT * FROM plans")  # in a transaction: the ALTER waits for its end
    thread = threading.Thread(target=run)
    thread.start()
    waiting: list[tuple[Any, ...]] = []
    while thread.is_alive() and not waiting:
        waiting = admin.query(
            "SELECT id FROM information_schema.processlist WHERE db = %s AND state LIKE 'Waiting for table metadata%%'",
            (target.name,),
        )
    for (connection_id,) in waiting:
        admin.query(f"KILL {connection_id}")
    thread.join()
    held.close()
    raise problem[0]
