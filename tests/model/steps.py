"""The steps of an execution as the state machine takes them, and what must hold for each of them by itself.

A step that is held, lost or dead is looked at when it comes to its end, if it does.
"""

from express_batch.errors import BatchError, RedriveRefusedError

from tests.model import oracle
from tests.model.invocation import ENDS, Fate, Invocation
from tests.model.listing_look import LookAtListing
from tests.model.ports import GatedPartner
from tests.model.world import Execution, SliceWork, World


class Steps:
    """Of all executions of one world."""

    def __init__(self, world: World) -> None:
        self._world = world

    def list_users(self, execution: Execution, fate: Fate) -> None:
        """An attempt at ListUsers."""
        before = LookAtListing(self._world, execution)
        invocation = self._world.call_list_users(execution, fate)
        before.look_again(invocation, is_undisturbed=fate.kind in ("ends", "lost"))
        self._hear_listing(execution, invocation)

    def go_on_with(self, execution: Execution) -> None:
        """Let the execution's held attempts at ListUsers come to their end."""
        for invocation in execution.listings:
            if invocation.is_held:
                self.go_on(invocation, ENDS)

    def _hear_listing(self, execution: Execution, invocation: Invocation) -> None:
        if not (invocation.has_ended and invocation.is_heard and self._world.is_alive(execution)):
            return
        if invocation.error is not None:
            allowed = isinstance(invocation.error, BatchError)
            assert allowed, f"listing: ListUsers raised {invocation.error!r}"
            if isinstance(invocation.error, RedriveRefusedError):
                execution.answer = {"started": False, "status": "REFUSED"}
            return
        if invocation.answer.get("status") == "WAITING":
            return
        others = [each for each in self._world.executions if each is not execution and each.has_started]
        self._world.take_answer(execution, invocation)
        if not execution.has_started:
            return
        twice = [each.name for each in others if each.run_id == execution.run_id]
        assert not twice, f"claim: {execution.run_id} is run by {execution.name} and {twice}"
        at_once = [each.run_id for each in others if self._world.is_going(each) and "redrive_of" not in each.event]
        if self._world.overlap != "both" and "redrive_of" not in execution.event:
            assert not at_once, f"turn: {execution.run_id} starts while {at_once} go"

    def sync_users(self, work: SliceWork, fate: Fate, takes: int | None = None, stops_at: int | None = None) -> None:
        """An attempt at a slice; `takes` and `stops_at` are those of World.call_sync_users."""
        was_stopped = self._world.is_stopped
        sent = len(self._world.log)
        invocation, partner = self._world.call_sync_users(work, fate, takes=takes, stops_at=stops_at)
        if was_stopped and fate.kind in ("ends", "lost"):
            assert not partner.called, f"stop: {partner.called} were called for"
        if stops_at is not None and fate.kind in ("ends", "lost"):
            assert len(partner.called) <= stops_at + 1, f"stop: {partner.called} were called for"
        if fate.kind in ("ends", "lost") and invocation.has_answered:
            self._check_slice(work, invocation, partner, sent)
        self._hear_slice(work, invocation)

    def sync_slices(self, execution: Execution) -> None:
        """All that are left of the execution, without any trouble."""
        for work in execution.slices:
            if not work.is_over:
                self.sync_users(work, ENDS)

    def _check_slice(self, work: SliceWork, invocation: Invocation, partner: GatedPartner, sent: int) -> None:
        rows = {
            row.place
            for data in self._world.log[sent:]
            if (record := oracle.read_record(data)) is not None
            for row in record.rows
        }
        event = work.event
        key = f"runs/{event['run_id']}/failures/SyncUsers-{event['chunk']:05d}-{event['start']:05d}.json"
        failed = set(work.places) - rows
        assert rows <= set(work.places), f"slice: rows of {rows} are not of {work.places}"
        if failed:
            document = self._world.read_json(key) or {"failures": []}
            recorded = {(event["chunk"], each["position"]) for each in document["failures"]}
            assert recorded == failed, f"slice: {failed} failed and {recorded} are recorded"
        assert invocation.answer == {"synced": len(rows), "failed": len(failed)}, f"slice: {invocation.answer}"
        assert partner.refused == len(set(partner.called)) - len(rows), f"slice: {partner.called} for {rows}"

    def _hear_slice(self, work: SliceWork, invocation: Invocation) -> None:
        if invocation.has_answered and invocation.is_heard:
            work.is_over = True
        if invocation.has_ended and invocation.error is not None and invocation.is_heard:
            assert isinstance(invocation.error, BatchError), f"slice: SyncUsers raised {invocation.error!r}"

    def close_run(self, execution: Execution, fate: Fate) -> None:
        """An attempt at CloseRun."""
        world = self._world
        invocation = world.call_close_run(execution, fate)
        if fate.kind in ("ends", "lost"):
            assert invocation.error is None, f"close: CloseRun raised {invocation.error!r}"
            places = set(execution.users)
            written = oracle.written_places(world.accounted_rows(), execution.run_id) & places
            failed = {
                place: reason
                for place, reason in oracle.failed_places(world.objects.objects, execution.run_id).items()
                if place in places - written
            }
            missing = len(places) - len(written) - len(failed)
            answer = invocation.answer
            counts = (answer["users_listed"], answer["rows_written"], answer["users_failed"], answer["users_missing"])
            expected = (len(places), len(written), len(failed), missing)
            assert counts == expected, f"close: {execution.run_id} says {counts}, it is {expected}"
            assert answer["status"] == oracle.name_status(len(failed), missing), f"close: {answer}"
        self._hear_closing(execution, invocation)

    def _hear_closing(self, execution: Execution, invocation: Invocation) -> None:
        if invocation.has_answered and invocation.is_heard:
            execution.is_closed = True
        if invocation.has_ended and invocation.error is not None and invocation.is_heard:
            assert isinstance(invocation.error, BatchError), f"close: CloseRun raised {invocation.error!r}"

    def go_on(self, invocation: Invocation, fate: Fate) -> None:
        """Let a held one go on, whichever step it is."""
        self._world.go_on(invocation, fate)
        for execution in self._world.executions:
            if invocation in execution.listings:
                self._hear_listing(execution, invocation)
            elif invocation in execution.closings:
                self._hear_closing(execution, invocation)
            for work in execution.slices:
                if invocation in work.attempts:
                    self._hear_slice(work, invocation)

    def deliver_all(self, fate: Fate = ENDS) -> None:
        """Whatever of the stream is not written yet."""
        numbers = set(range(len(self._world.log))) - self._world.written
        if numbers:
            self._world.deliver(sorted(numbers), fate)
