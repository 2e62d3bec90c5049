"""Schema steps against a real MariaDB: once, twice, two at once, and in which order."""

import multiprocessing
from pathlib import Path

import pytest

from batchctl.migrate.apply import apply_steps
from batchctl.migrate.backend import lock_name
from batchctl.migrate.connection import DatabaseTarget
from batchctl.migrate.errors import LockError, StepEditedError, StepOrderError
from batchctl.migrate.status import read_status
from batchctl.migrate.steps import read_steps
from tests.database.server import Probe
from tests.database.steps import (
    ADD_PRICE,
    CREATE_PLANS,
    DATABASE,
    MIGRATIONS,
    OTHER_DATABASE,
    WriteStep,
    states,
)


def apply_folder(arguments: tuple[str, int, str, str, str, str]) -> tuple[str, ...]:
    """What one process applied; at the top of the module, so that another process finds it."""
    host, port, name, user, password, folder = arguments
    target = DatabaseTarget(host, port, name, user, lambda: password, verifies_tls=False)
    return apply_steps(target, read_steps(Path(folder)), wait_seconds=30).applied


class TestApplying:
    def test_apply_makes_every_table_and_remembers_each_step_when_the_database_is_empty(
        self, target: DatabaseTarget, admin: Probe
    ) -> None:
        # GIVEN the project's own steps
        steps = read_steps(MIGRATIONS)

        # WHEN they are applied
        told: list[str] = []
        done = apply_steps(target, steps, tell=told.append)

        # THEN each is there, was told, and is remembered
        assert done.applied == tuple(step.step_id for step in steps)
        assert told == [f"applying {step.path.name}" for step in steps]
        tables = {row[0] for row in admin.query(f"SHOW TABLES FROM {DATABASE}")}
        assert {"batch_run", "batch_write", "users", "loyalty_points"} <= tables
        assert set(states(target, MIGRATIONS).values()) == {"applied"}

    def test_apply_does_nothing_when_everything_is_applied(self, target: DatabaseTarget) -> None:
        steps = read_steps(MIGRATIONS)
        apply_steps(target, steps)

        again = apply_steps(target, steps)

        assert (again.applied, again.already_applied) == ((), len(steps))

    def test_apply_takes_over_a_database_whose_tables_were_made_by_hand(
        self, target: DatabaseTarget, admin: Probe
    ) -> None:
        # GIVEN a table with a row, from before there were steps
        step = read_steps(MIGRATIONS)[2]
        admin.query(step.statement.replace("users (", f"{DATABASE}.users (", 1))
        admin.query(f"INSERT INTO {DATABASE}.users (user_id, tenant_id) VALUES ('u', 't')")

        apply_steps(target, read_steps(MIGRATIONS))

        assert admin.query(f"SELECT user_id FROM {DATABASE}.users") == [("u",)]

    def test_each_step_is_applied_once_when_two_processes_start_together(
        self, target: DatabaseTarget, admin: Probe, write_step: WriteStep
    ) -> None:
        # GIVEN steps that would fail or count twice when repeated
        folder = write_step("0001_plans.sql", CREATE_PLANS).parent
        write_step("0002_price.sql", ADD_PRICE)
        write_step("0003_free_plan.sql", "INSERT INTO plans (plan, price) VALUES ('free', 0)")
        arguments = (target.host, target.port, target.name, target.user, target.make_password(), str(folder))

        # WHEN two groups that share the database apply them at the same time
        with multiprocessing.get_context("spawn").Pool(2) as pool:
            applied = pool.map(apply_folder, [arguments, arguments], chunksize=1)

        # THEN each was applied by exactly one of them
        assert sorted(step for done in applied for step in done) == ["0001_plans", "0002_price", "0003_free_plan"]
        assert admin.query(f"SELECT plan, price FROM {DATABASE}.plans") == [("free", 0)]

    def test_apply_says_who_holds_the_lock_when_another_run_lasts_too_long(
        self, target: DatabaseTarget, admin: Probe
    ) -> None:
        admin.query("SELECT GET_LOCK(%s, 0)", (lock_name(DATABASE),))
        try:
            with pytest.raises(LockError, match=rf"{DATABASE}: connection \d+ has been applying steps .* nothing was"):
                apply_steps(target, read_steps(MIGRATIONS), wait_seconds=0)
        finally:
            admin.query("SELECT RELEASE_LOCK(%s)", (lock_name(DATABASE),))
        assert admin.query(f"SHOW TABLES FROM {DATABASE}") == []

    def test_databases_of_one_server_do_not_wait_for_each_other(self, target: DatabaseTarget, admin: Probe) -> None:
        admin.query("SELECT GET_LOCK(%s, 0)", (lock_name(OTHER_DATABASE),))
        try:
            assert apply_steps(target, read_steps(MIGRATIONS), wait_seconds=0).applied
        finally:
            admin.query("SELECT RELEASE_LOCK(%s)", (lock_name(OTHER_DATABASE),))


class TestState:
    def test_status_shows_pending_steps_and_changes_nothing(self, target: DatabaseTarget, admin: Probe) -> None:
        assert set(states(target, MIGRATIONS).values()) == {"pending"}
        assert admin.query(f"SHOW TABLES FROM {DATABASE}") == []

    def test_apply_refuses_and_names_a_step_that_was_edited_after_it_ran(
        self, target: DatabaseTarget, write_step: WriteStep
    ) -> None:
        folder = write_step("0001_plans.sql", CREATE_PLANS).parent
        apply_steps(target, read_steps(folder))
        write_step("0001_plans.sql", CREATE_PLANS.replace("16", "32"))
        write_step("0002_price.sql", ADD_PRICE)

        with pytest.raises(StepEditedError, match=r"0001_plans\.sql was edited after it had been applied.*nothing was"):
            apply_steps(target, read_steps(folder))

        assert states(target, folder) == {"0001_plans": "edited", "0002_price": "pending"}

    def test_comments_may_change_after_a_step_ran(self, target: DatabaseTarget, write_step: WriteStep) -> None:
        folder = write_step("0001_plans.sql", CREATE_PLANS).parent
        apply_steps(target, read_steps(folder))
        write_step("0001_plans.sql", f"-- The plans that a customer may have.\n{CREATE_PLANS}\n;\n")

        assert apply_steps(target, read_steps(folder)).applied == ()

    def test_apply_refuses_a_new_step_with_a_number_before_an_applied_one(
        self, target: DatabaseTarget, write_step: WriteStep
    ) -> None:
        folder = write_step("0002_plans.sql", CREATE_PLANS).parent
        apply_steps(target, read_steps(folder))
        write_step("0001_late.sql", "CREATE TABLE late (id INT)")

        with pytest.raises(StepOrderError, match=r"0001_late\.sql comes before 0002_plans\.sql"):
            apply_steps(target, read_steps(folder))

    def test_an_older_release_finds_nothing_to_do_when_the_schema_is_newer(self, target: DatabaseTarget) -> None:
        # A roll-back deploys the older release's steps: the schema stays, since it only grew.
        steps = read_steps(MIGRATIONS)
        apply_steps(target, steps)

        assert apply_steps(target, steps[:2]).applied == ()
        states = [status.state for status in read_status(target, steps[:2])]
        assert (states[:2], set(states[2:])) == (["applied", "applied"], {"unknown"})
