"""What may be a schema step, and what the release that still runs could not bear."""

import re

import pytest

from batchctl.migrate.apply import apply_steps
from batchctl.migrate.compatibility import check_compatibility
from batchctl.migrate.connection import DatabaseTarget
from batchctl.migrate.errors import StepFileError
from batchctl.migrate.steps import read_steps
from tests.database.server import Probe
from tests.database.steps import ADD_PRICE, CREATE_PLANS, DATABASE, MIGRATIONS, WriteStep


class TestFiles:
    @pytest.mark.parametrize(
        ("name", "content", "problem"),
        [
            ("plans.sql", CREATE_PLANS, "plans.sql is no name of a step"),
            ("0001_plans.py", "step('SELECT 1')", "0001_plans.py is no name of a step"),
            ("0001_plans.rollback.sql", "DROP TABLE plans", "no name of a step"),
            ("0001_plans.sql", f"{CREATE_PLANS};\n{ADD_PRICE};", "has 2 statements"),
            ("0001_plans.sql", "-- nothing\n", "has 0 statements"),
        ],
    )
    def test_file_that_cannot_be_a_step_is_named(
        self, name: str, content: str, problem: str, write_step: WriteStep
    ) -> None:
        folder = write_step(name, content).parent

        with pytest.raises(StepFileError, match=re.escape(problem)):
            read_steps(folder)

    def test_two_files_of_one_number_are_named(self, write_step: WriteStep) -> None:
        folder = write_step("0001_plans.sql", CREATE_PLANS).parent
        write_step("0001_prices.sql", CREATE_PLANS)

        with pytest.raises(StepFileError, match=r"0001_prices\.sql has the number of 0001_plans\.sql"):
            read_steps(folder)

    def test_a_semicolon_in_a_text_divides_nothing(self, write_step: WriteStep) -> None:
        folder = write_step(
            "0001_plan.sql", "-- one; two\nINSERT INTO plans (plan) -- three; four\nVALUES ('a;b'); -- done\n"
        ).parent

        (step,) = read_steps(folder)

        assert step.statement.startswith("INSERT INTO plans (plan) -- three; four\nVALUES ('a;b')")


class TestCompatibility:
    def test_the_projects_own_steps_can_run_while_the_release_before_still_does(self) -> None:
        check_compatibility(read_steps(MIGRATIONS))

    @pytest.mark.parametrize(
        "statement",
        [
            "DROP TABLE plans",
            "ALTER TABLE plans DROP COLUMN price",
            "ALTER TABLE plans ADD COLUMN a INT NULL, DROP COLUMN price",
            "ALTER TABLE plans RENAME TO tariffs",
            "RENAME TABLE plans TO tariffs",
            "ALTER TABLE plans RENAME COLUMN price TO amount",
            "ALTER TABLE plans CHANGE price amount INT",
            "ALTER TABLE plans MODIFY price BIGINT",
            "ALTER TABLE plans ADD COLUMN price INT NOT NULL",
            "alter table plans add price int not null",
            "ALTER TABLE plans ADD COLUMN note VARCHAR(90) NOT NULL COMMENT 'no DEFAULT here'",
            "ALTER TABLE plans ADD COLUMN price INT NULL UNIQUE",
            "ALTER TABLE plans ADD UNIQUE KEY by_price (price)",
            "ALTER TABLE plans ADD CONSTRAINT positive CHECK (price > 0)",
            "CREATE UNIQUE INDEX by_price ON plans (price)",
            "TRUNCATE TABLE plans",
            "DELETE FROM plans",
            "ALTER TABLE plans /* don't ADD COLUMN */ DROP COLUMN price",
        ],
    )
    def test_step_that_takes_away_is_refused_when_it_names_no_release(
        self, statement: str, write_step: WriteStep
    ) -> None:
        folder = write_step("0001_change.sql", statement).parent

        with pytest.raises(StepFileError, match=r"0001_change\.sql: .*which the release that still runs may not bear"):
            check_compatibility(read_steps(folder))

    @pytest.mark.parametrize(
        "statement",
        [
            CREATE_PLANS,
            ADD_PRICE,
            "ALTER TABLE plans ADD COLUMN price DECIMAL(10, 2) NOT NULL DEFAULT 0, ALGORITHM=INSTANT",
            "ALTER TABLE plans ADD COLUMN note VARCHAR(90) NULL COMMENT 'DROP, RENAME; UNIQUE'",
            "ALTER TABLE plans ADD INDEX by_price (price, plan), LOCK=NONE",
            "CREATE INDEX by_price ON plans (price)",
            "INSERT INTO plans (plan) VALUES ('free')",
            "UPDATE plans SET price = 0 WHERE price IS NULL",
        ],
    )
    def test_step_that_adds_is_taken(self, statement: str, write_step: WriteStep) -> None:
        check_compatibility(read_steps(write_step("0001_change.sql", statement).parent))

    def test_step_that_takes_away_is_taken_when_it_names_the_release_that_let_go(self, write_step: WriteStep) -> None:
        text = "-- contract: 1.4.0 no longer reads plans.price\nALTER TABLE plans DROP COLUMN price"

        check_compatibility(read_steps(write_step("0001_change.sql", text).parent))

    @pytest.mark.parametrize("marker", ["-- contract:", "-- contract: soon", "-- contract: 1.4.0 x"])
    def test_marker_is_refused_when_it_does_not_say_which_release_let_go_of_what(
        self, marker: str, write_step: WriteStep
    ) -> None:
        folder = write_step("0001_change.sql", f"{marker}\nALTER TABLE plans DROP COLUMN price").parent

        with pytest.raises(StepFileError):
            check_compatibility(read_steps(folder))

    def test_apply_touches_nothing_when_a_step_is_refused(
        self, target: DatabaseTarget, admin: Probe, write_step: WriteStep
    ) -> None:
        folder = write_step("0001_plans.sql", CREATE_PLANS).parent
        write_step("0002_drop.sql", "DROP TABLE plans")

        with pytest.raises(StepFileError):
            apply_steps(target, read_steps(folder))

        assert admin.query(f"SHOW TABLES FROM {DATABASE}") == []
