"""What must hold of table, ledger, bucket and stream at any time, whatever has happened.

The first word of each message names the invariant. docs/adr/0017-model-test.md says what each means, and which mistakes
it finds (mutations.py).
"""

from express_batch.positions import mask_from_bytes, unpack_positions

from tests.model import oracle
from tests.model.oracle import Place
from tests.model.world import World


class Invariants:
    """Of one world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._looked_at = (-1, -1, -1)
        self._versions: dict[str, int] = {}
        self._accounts: dict[str, tuple[int, int]] = {}  # run: (missing, written) as the ledger had it last

    def check(self) -> None:
        """Where nothing has changed since the last look, all of it still holds."""
        state = self._world.state()
        if state == self._looked_at:
            return
        self._row_is_the_newest_answer_that_was_delivered()
        self._older_answer_never_overwrites_a_newer_one()
        self._masks_are_exactly_the_users_written()
        self._refused_rows_have_their_failure_records()
        self._account_of_a_closed_run_adds_up()
        self._listed_users_stay_as_the_state_machine_was_told()
        self._looked_at = state

    def _row_is_the_newest_answer_that_was_delivered(self) -> None:
        found = self._world.rows()
        expected = oracle.newest_rows(self._world.written_records())
        assert found == expected, f"rows: {found} in the table, {expected} were delivered"

    def _older_answer_never_overwrites_a_newer_one(self) -> None:
        rows = self._world.rows()
        for user_id, version in self._versions.items():
            assert user_id in rows, f"versions: the row of {user_id} is gone"
            assert rows[user_id][1] >= version, f"versions: {user_id} went back from {version} to {rows[user_id][1]}"
        self._versions = {user_id: version for user_id, (_, version) in rows.items()}

    def _masks_are_exactly_the_users_written(self) -> None:
        found: dict[str, set[Place]] = {}
        for run_id, chunk, start, mask in self._world.probe.query(
            "SELECT run_id, chunk, start_position, positions FROM batch_write"
        ):
            places = {(chunk, start + bit) for bit in unpack_positions(mask_from_bytes(mask))}
            found[run_id] = found.get(run_id, set()) | places
        rows = self._world.accounted_rows()
        for run_id in {*found, *(row.run_id for row in rows)}:
            expected = oracle.written_places(rows, run_id)
            assert found.get(run_id, set()) == expected, f"masks: {found.get(run_id)} of {run_id}, {expected} written"

    def _refused_rows_have_their_failure_records(self) -> None:
        rows = self._world.accounted_rows()
        for record in self._world.written_records():
            refused = {row.place for row in record.rows} - oracle.written_places(rows, record.run_id)
            if refused:
                failed = oracle.failed_places(self._world.objects.objects, record.run_id)
                assert refused <= set(failed), f"refused: {refused} were refused and {set(failed)} recorded"

    def _account_of_a_closed_run_adds_up(self) -> None:
        rows = self._world.accounted_rows()
        for run_id, status, listed, written, failed, missing in self._world.probe.query(
            "SELECT run_id, status, users_listed, rows_written, users_failed, users_missing FROM batch_run"
        ):
            if status == "RUNNING":
                continue
            assert listed == written + failed + missing, f"account: {run_id} does not add up"
            assert status == oracle.name_status(failed, missing), f"account: {run_id} is no {status}"
            assert written <= len(oracle.written_places(rows, run_id)), f"account: {run_id} counts what is not there"
            before = self._accounts.get(run_id, (missing, written))
            assert (missing, -written) <= (before[0], -before[1]), f"account: {run_id} became less complete"
            self._accounts[run_id] = (missing, written)

    def _listed_users_stay_as_the_state_machine_was_told(self) -> None:
        for execution in self._world.executions:
            if execution.has_started:
                assert execution.answer is not None
                now = oracle.chunk_users(self._world.objects.objects, execution.answer)
                assert now == execution.users, f"listing: {execution.run_id} listed {execution.users}, now {now}"
                kept = self._world.read_json(f"runs/{execution.run_id}/listing.json")
                assert kept == execution.answer, f"listing: {execution.run_id} keeps {kept}, told {execution.answer}"
                ((listed,),) = self._world.probe.query(
                    "SELECT users_listed FROM batch_run WHERE run_id = %s", (execution.run_id,)
                )
                told = execution.answer["users_listed"]
                assert listed == told, f"listing: the ledger has {listed} users of {execution.run_id}, told {told}"
