"""The state machine of the model test: what may happen to a tenant group, and what must hold whatever happened."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from express_batch.adapters.mysql import MysqlDatabase
from express_batch.errors import BatchError, RedriveRefusedError
from express_batch.positions import mask_from_bytes, unpack_positions
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.database.server import Probe
from tests.model import oracle
from tests.model.invocation import ENDS, Fate, Invocation
from tests.model.oracle import Place
from tests.model.ports import Clock, GatedPartner
from tests.model.world import Delivery, Execution, SliceWork, World

NOT_A_RECORD = b"\x00 no record"
MOST_RUNS = 3  # of their own; more of them in an example leave less for each
USERS = tuple(f"u{number}" for number in range(6))
FIRST_MOMENT = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
PICK = st.integers(0, 1000)
FATES = st.one_of(
    st.just(ENDS),
    st.just(ENDS),
    st.just(Fate("lost")),
    st.builds(
        Fate,
        st.sampled_from(["dies", "holds"]),
        st.sampled_from(["store", "stream", "partner", "database", "commit", "committed"]),
        st.integers(0, 7),
    ),
    st.builds(
        Fate,
        st.sampled_from(["fails", "fails late"]),
        st.sampled_from(["store", "stream", "database", "commit"]),
        st.integers(0, 7),
    ),
)


@dataclass(frozen=True)
class Overtaking:
    """A start is held at a request to the bucket, another one ends, and the first goes on."""

    follows: bool  # upon a run that ended and left its turn
    by: str
    at: int
    user: str  # comes or goes meanwhile


@dataclass(frozen=True)
class Death:
    """An execution dies at ListUsers; later two others start the same run, of which one is held."""

    fate: Fate
    second_held_at: int


@dataclass(frozen=True)
class LateStep:
    """CloseRun is held at a commit, or the listing of a redrive at a request, and another attempt ends meanwhile."""

    redrives: bool
    at: int


@dataclass(frozen=True)
class SecondFailure:
    """A run's users fail, they are run again and come to something else, and are to be run again for a reason."""

    mood: str
    delivery: Fate
    reason: str


LATE_STEPS = st.builds(LateStep, st.just(False), st.integers(1, 4)) | st.builds(
    LateStep, st.just(True), st.integers(4, 6)
)
REASONS = st.sampled_from(["ApiRejectedError", "RowRefusedError", "Missing"])
SECOND_FAILURES = st.builds(
    SecondFailure,
    st.sampled_from(["rejected", "poisonous"]),
    st.sampled_from([ENDS, Fate("dies", "committed"), Fate("fails late", "commit")]),
    REASONS,
)
OVERTAKINGS = st.one_of(
    st.builds(Overtaking, st.booleans(), st.just("its own next attempt"), st.integers(3, 6), st.sampled_from(USERS)),
    st.builds(Overtaking, st.booleans(), st.just("the next run"), st.integers(2, 3), st.sampled_from(USERS)),
    st.builds(Overtaking, st.booleans(), st.just("its duplicate"), st.integers(0, 5), st.sampled_from(USERS)),
)
DEATHS = st.builds(
    Death,
    st.sampled_from([*(Fate("dies", "store", at) for at in range(1, 7)), *[Fate("dies", "commit")] * 3]),
    st.sampled_from([1, 2, 2, 3]),
)
MOODS = st.sampled_from(["good", "rejected", "poisonous"])


class BatchMachine(RuleBasedStateMachine):
    """Runs, redrives, deliveries and operators in any order, each held, broken or killed anywhere."""

    def __init__(
        self, probe: Probe, environments: list[MysqlDatabase], make: Callable[[], MysqlDatabase], clock: Clock
    ) -> None:
        super().__init__()
        self.world = World(probe, environments, make, clock)
        self.moments = 0
        self.duplicates = 0
        self.looked_at = (-1, -1, -1)
        self.versions: dict[str, int] = {}
        self.accounts: dict[str, tuple[int, int]] = {}  # run: (missing, written) as the ledger had it last

    # What may happen.

    @initialize(
        overlap=st.sampled_from(["both", "skip", "wait"]),
        users=st.sets(st.sampled_from(USERS), max_size=3),
        moods=st.dictionaries(st.sampled_from(USERS), MOODS, max_size=3),
        # Mapped, so that Hypothesis takes the fates of a plain start for one way to open and not for five.
        opening=FATES.map(lambda fate: fate) | OVERTAKINGS | DEATHS | LATE_STEPS | SECOND_FAILURES,
    )
    def begin(self, overlap: str, users: set[str], moods: dict[str, str], opening: Any) -> None:
        self.world.overlap = overlap
        self.world.seed(set(USERS) - users)
        self.world.partner.moods.update(moods)
        if isinstance(opening, Overtaking):
            self.start_is_overtaken(opening)
        elif isinstance(opening, LateStep):
            self.run_starts(ENDS)
            self.late_step_is_overtaken(opening)
        elif isinstance(opening, SecondFailure):
            self.run_starts(ENDS)
            self.users_fail_again_for_another_reason(opening)
        elif isinstance(opening, Death):
            self.dead_run_is_started_by_two_at_once(opening)
        else:
            self.run_starts(opening)

    @rule(user=st.sampled_from(USERS))
    def user_comes_or_goes(self, user: str) -> None:
        self.world.probe.query("UPDATE users SET active = 1 - active WHERE user_id = %s", (user,))

    @rule(users=st.sets(st.sampled_from(USERS)), mood=MOODS)
    def partner_changes(self, users: set[str], mood: str) -> None:
        self.world.partner.moods.update(dict.fromkeys(sorted(users), mood))

    @precondition(lambda self: self.moments < MOST_RUNS)
    @rule(fate=FATES)
    def run_starts(self, fate: Fate) -> None:
        """One of another scheduled time."""
        self.moments += 1
        moment = FIRST_MOMENT + timedelta(minutes=self.moments)
        self._list(self.world.start({"scheduled_time": moment.isoformat()}), fate)

    @precondition(lambda self: self.duplicates < MOST_RUNS)
    @rule(pick=PICK, fate=FATES)
    def same_run_starts_again(self, pick: int, fate: Fate) -> None:
        """The engine's duplicate, or somebody who starts the scheduled time by hand."""
        self.duplicates += 1
        event = _choose(self._runs(), pick).event
        self._list(self.world.start(event), fate)

    @precondition(lambda self: self.moments < MOST_RUNS)
    @rule(overtaking=OVERTAKINGS)
    def start_is_overtaken(self, overtaking: Overtaking) -> None:
        if overtaking.follows:
            self.run_starts(ENDS)
            self.time_passes(301.0)
        self.run_starts(Fate("holds", "store", overtaking.at))
        held = self._runs()[-1]
        self.user_comes_or_goes(overtaking.user)
        if overtaking.by == "its own next attempt" and held.answer is None:
            self._list(held, ENDS)
        elif overtaking.by == "the next run":
            self.run_starts(ENDS)
        else:
            self._list(self.world.start(held.event), ENDS)
        self._go_on_with(held)

    @precondition(lambda self: self.moments < MOST_RUNS)
    @rule(death=DEATHS)
    def dead_run_is_started_by_two_at_once(self, death: Death) -> None:
        self.run_starts(death.fate)
        event = self._runs()[-1].event
        self.time_passes(301.0)
        held = self.world.start(event)
        self._list(held, Fate("holds", "store", death.second_held_at))
        self._list(self.world.start(event), ENDS)
        self._go_on_with(held)

    @precondition(lambda self: self._going())
    @rule(late=LATE_STEPS)
    def late_step_is_overtaken(self, late: LateStep) -> None:
        going = self._going()
        if not going:  # the opening's start was refused
            return
        execution = going[0]
        if late.redrives:
            self.time_passes(301.0)
            first, second = (self.world.start({"redrive_of": execution.run_id}) for _ in range(2))
            self._list(first, Fate("holds", "store", late.at))
            self._list(second, ENDS)
            self._go_on_with(first)
            return
        for work in execution.slices:
            if not work.is_over:
                self._sync(work, ENDS)
        self._close(execution, Fate("holds", "commit", late.at))
        self._deliver_all()
        self._close(execution, ENDS)
        self.everything_holds()
        for invocation in execution.closings:
            if invocation.is_held:
                self._go_on(invocation, ENDS)

    @precondition(lambda self: self._going())
    @rule(failure=SECOND_FAILURES)
    def users_fail_again_for_another_reason(self, failure: SecondFailure) -> None:
        going = self._going()
        if not going:
            return
        original = going[0].run_id.partition("-r")[0]
        execution = going[0]
        for mood in (failure.mood, "good"):
            self.partner_changes(set(USERS), mood)
            for work in execution.slices:
                if not work.is_over:
                    self._sync(work, ENDS)
            if mood == failure.mood:
                self._deliver_all(failure.delivery)
                self.everything_holds()
            self._close(execution, ENDS)
            reasons = [] if mood == failure.mood else [failure.reason]
            execution = self.world.start({"redrive_of": original, "reasons": reasons})
            self._list(execution, ENDS)
            if not execution.has_started:
                return

    @precondition(lambda self: self._unlisted())
    @rule(pick=PICK, fate=FATES)
    def list_users_is_repeated(self, pick: int, fate: Fate) -> None:
        self._list(_choose(self._unlisted(), pick), fate)

    @precondition(lambda self: self._slices())
    @rule(pick=PICK, fate=FATES, takes=st.none() | st.integers(0, 2), stops_at=st.none() | st.integers(0, 1))
    def slice_is_synced(self, pick: int, fate: Fate, takes: int | None, stops_at: int | None) -> None:
        self._sync(_choose(self._slices(), pick), fate, takes, stops_at)

    @precondition(lambda self: self._slices())
    @rule(pick=PICK, moods=st.tuples(MOODS, MOODS), fate=FATES)
    def slice_is_synced_twice_and_delivered_at_once(self, pick: int, moods: tuple[str, str], fate: Fate) -> None:
        work = _choose(self._slices(), pick)
        for attempt, mood in zip((Fate("lost"), ENDS), moods, strict=True):
            self.partner_changes(set(USERS), mood)
            self._sync(work, attempt)
        self._deliver_all(fate)

    @precondition(lambda self: self._slices())
    @rule()
    def slices_are_synced(self) -> None:
        """All that are left, without any trouble."""
        for work in self._slices():
            self._sync(work, ENDS)

    @precondition(lambda self: any(work.attempts for work in self._slices()))
    @rule(pick=PICK)
    def slice_is_given_up(self, pick: int) -> None:
        work = _choose([work for work in self._slices() if work.attempts], pick)
        for attempt in work.attempts:
            attempt.is_heard = False
        self.world.record_slice_failure(work)

    @precondition(lambda self: self.world.log)
    @rule(picks=st.lists(PICK, min_size=1, max_size=5), fate=FATES)
    def records_are_delivered(self, picks: list[int], fate: Fate) -> None:
        """Any records in any order, some of them again."""
        self.world.deliver([pick % len(self.world.log) for pick in picks], fate)

    @precondition(lambda self: set(range(len(self.world.log))) - self.world.written)
    @rule(fate=FATES, newest_first=st.booleans())
    def new_records_are_delivered(self, fate: Fate, newest_first: bool) -> None:
        numbers = sorted(set(range(len(self.world.log))) - self.world.written, reverse=newest_first)
        self.world.deliver(numbers[:4], fate)

    @precondition(lambda self: NOT_A_RECORD not in self.world.log)
    @rule()
    def poisonous_record_comes(self) -> None:
        self.world.log.append(NOT_A_RECORD)

    @precondition(lambda self: self._closable())
    @rule(pick=PICK, fate=FATES)
    def run_is_closed(self, pick: int, fate: Fate) -> None:
        """Early, in time, or again."""
        self._close(_choose(self._closable(), pick), fate)

    @precondition(lambda self: self._going())
    @rule(pick=PICK, delivers=st.booleans(), fate=FATES)
    def run_goes_on_to_its_end(self, pick: int, delivers: bool, fate: Fate) -> None:
        """What happens nearly always; `fate` is CloseRun's."""
        execution = _choose(self._going(), pick)
        for work in execution.slices:
            if not work.is_over:
                self._sync(work, ENDS)
        if delivers:
            self._deliver_all()
        self._close(execution, fate)

    @precondition(lambda self: self._ended())
    @rule(pick=PICK, fate=FATES, reasons=st.sampled_from([[], [], ["Missing"], ["ApiRejectedError", "StoppedError"]]))
    def run_is_redriven(self, pick: int, fate: Fate, reasons: list[str]) -> None:
        run = _choose(self._ended(), pick)
        self._list(self.world.start({"redrive_of": _run_id(run), "reasons": reasons}), fate)

    @precondition(lambda self: self.world.held())
    @rule(pick=PICK, fate=FATES)
    def held_goes_on(self, pick: int, fate: Fate) -> None:
        self._go_on(_choose(self.world.held(), pick), fate)

    @precondition(lambda self: self.world.held())
    @rule(pick=PICK)
    def held_dies(self, pick: int) -> None:
        self._go_on(_choose(self.world.held(), pick), Fate("dies"))

    @rule()
    def calls_are_stopped_or_resumed(self) -> None:
        if self.world.is_stopped:
            self.world.resume_calls()
        else:
            self.world.stop_calls()

    @rule(seconds=st.sampled_from([6.0, 6.0, 120.0, 301.0]))
    def time_passes(self, seconds: float) -> None:
        """No function runs for as long as an execution, so what is held is dead by then."""
        if seconds > 300:
            self.world.kill_held()
        self.world.clock.now += seconds

    # What must hold at any time.

    @invariant()
    def everything_holds(self) -> None:
        """Where nothing has changed since the last look, all of it still holds."""
        state = self.world.state()
        if state == self.looked_at:
            return
        self.row_is_the_newest_answer_that_was_delivered()
        self.older_answer_never_overwrites_a_newer_one()
        self.masks_are_exactly_the_users_written()
        self.refused_rows_have_their_failure_records()
        self.account_of_a_closed_run_adds_up()
        self.listed_users_stay_as_the_state_machine_was_told()
        self.looked_at = state

    def row_is_the_newest_answer_that_was_delivered(self) -> None:
        found = self.world.rows()
        expected = oracle.newest_rows(self.world.written_records())
        assert found == expected, f"rows: {found} in the table, {expected} were delivered"

    def older_answer_never_overwrites_a_newer_one(self) -> None:
        rows = self.world.rows()
        for user_id, version in self.versions.items():
            assert user_id in rows, f"versions: the row of {user_id} is gone"
            assert rows[user_id][1] >= version, f"versions: {user_id} went back from {version} to {rows[user_id][1]}"
        self.versions = {user_id: version for user_id, (_, version) in rows.items()}

    def masks_are_exactly_the_users_written(self) -> None:
        found: dict[str, set[Place]] = {}
        for run_id, chunk, start, mask in self.world.probe.query(
            "SELECT run_id, chunk, start_position, positions FROM batch_write"
        ):
            places = {(chunk, start + bit) for bit in unpack_positions(mask_from_bytes(mask))}
            found[run_id] = found.get(run_id, set()) | places
        rows = self.world.accounted_rows()
        for run_id in {*found, *(row.run_id for row in rows)}:
            expected = oracle.written_places(rows, run_id)
            assert found.get(run_id, set()) == expected, f"masks: {found.get(run_id)} of {run_id}, {expected} written"

    def refused_rows_have_their_failure_records(self) -> None:
        rows = self.world.accounted_rows()
        for record in self.world.written_records():
            refused = {row.place for row in record.rows} - oracle.written_places(rows, record.run_id)
            if refused:
                failed = oracle.failed_places(self.world.objects.objects, record.run_id)
                assert refused <= set(failed), f"refused: {refused} were refused and {set(failed)} recorded"

    def account_of_a_closed_run_adds_up(self) -> None:
        rows = self.world.accounted_rows()
        for run_id, status, listed, written, failed, missing in self.world.probe.query(
            "SELECT run_id, status, users_listed, rows_written, users_failed, users_missing FROM batch_run"
        ):
            if status == "RUNNING":
                continue
            assert listed == written + failed + missing, f"account: {run_id} does not add up"
            assert status == oracle.name_status(failed, missing), f"account: {run_id} is no {status}"
            assert written <= len(oracle.written_places(rows, run_id)), f"account: {run_id} counts what is not there"
            before = self.accounts.get(run_id, (missing, written))
            assert (missing, -written) <= (before[0], -before[1]), f"account: {run_id} became less complete"
            self.accounts[run_id] = (missing, written)

    def listed_users_stay_as_the_state_machine_was_told(self) -> None:
        for execution in self.world.executions:
            if execution.has_started:
                assert execution.answer is not None
                now = oracle.chunk_users(self.world.objects.objects, execution.answer)
                assert now == execution.users, f"listing: {execution.run_id} listed {execution.users}, now {now}"
                kept = self.world.read_json(f"runs/{execution.run_id}/listing.json")
                assert kept == execution.answer, f"listing: {execution.run_id} keeps {kept}, told {execution.answer}"
                ((listed,),) = self.world.probe.query(
                    "SELECT users_listed FROM batch_run WHERE run_id = %s", (execution.run_id,)
                )
                told = execution.answer["users_listed"]
                assert listed == told, f"listing: the ledger has {listed} users of {execution.run_id}, told {told}"

    # And at the end.

    def teardown(self) -> None:
        try:
            if sys.exc_info()[0] is None:
                self._come_to_rest()
        finally:
            self.world.kill_held()
            self.world.put_back()

    def _come_to_rest(self) -> None:
        """Everybody still at work ends, all is delivered, all runs are redriven: then nobody is left."""
        world = self.world
        for invocation in world.held():
            self._go_on(invocation, ENDS)
        world.resume_calls()
        world.partner.moods.clear()
        world.clock.now += 301
        self._deliver_all()
        originals = [each for each in world.executions if each.has_started and "redrive_of" not in each.event]
        for original in originals:
            for _ in range(2):
                answers = world.partner.answers
                redrive = world.start({"redrive_of": original.run_id})
                self._list(redrive, ENDS)
                if not redrive.has_started:
                    break
                for work in redrive.slices:
                    self._sync(work, ENDS)
                self._deliver_all()
                self._close(redrive, ENDS)
                assert redrive.closings[-1].answer["status"] == "COMPLETE", f"rest: {redrive.closings[-1].answer}"
                calls = world.partner.answers - answers
                assert calls == len(redrive.users), f"rest: {calls} calls for {redrive.users}"
                rows = world.rows()
                for user_id in redrive.users.values():
                    last = world.partner.last[user_id]
                    assert rows[user_id][0] == last, f"rest: {user_id} is not what was answered last"
            assert redrive.answer is not None
            assert redrive.answer["status"] == "NOTHING_TO_REDRIVE", f"rest: a second redrive says {redrive.answer}"
            run_ids = {each.run_id for each in world.executions if each.has_started}
            family = {each for each in run_ids if each.partition("-r")[0] == original.run_id}
            missing = set(original.users.values()) - oracle.written_users(world.accounted_rows(), family)
            assert not missing, f"rest: nobody has written {missing} of {original.run_id}"
        expected = oracle.newest_rows(world.sent_records())
        assert world.rows() == expected, f"rest: {world.rows()} in the table, {expected} were sent"
        self.everything_holds()

    def _deliver_all(self, fate: Fate = ENDS) -> None:
        numbers = set(range(len(self.world.log))) - self.world.written
        if numbers:
            self.world.deliver(sorted(numbers), fate)

    # Steps, with what must hold for each.

    def _list(self, execution: Execution, fate: Fate) -> None:
        before = _LookAtListing(self.world, execution)
        invocation = self.world.call_list_users(execution, fate)
        before.look_again(invocation, is_undisturbed=fate.kind in ("ends", "lost"))
        self._hear_listing(execution, invocation)

    def _go_on_with(self, execution: Execution) -> None:
        for invocation in execution.listings:
            if invocation.is_held:
                self._go_on(invocation, ENDS)

    def _hear_listing(self, execution: Execution, invocation: Invocation) -> None:
        if not (invocation.has_ended and invocation.is_heard and self.world.is_alive(execution)):
            return
        if invocation.error is not None:
            allowed = isinstance(invocation.error, BatchError)
            assert allowed, f"listing: ListUsers raised {invocation.error!r}"
            if isinstance(invocation.error, RedriveRefusedError):
                execution.answer = {"started": False, "status": "REFUSED"}
            return
        if invocation.answer.get("status") == "WAITING":
            return
        others = [each for each in self.world.executions if each is not execution and each.has_started]
        self.world.take_answer(execution, invocation)
        if not execution.has_started:
            return
        twice = [each.name for each in others if each.run_id == execution.run_id]
        assert not twice, f"claim: {execution.run_id} is run by {execution.name} and {twice}"
        at_once = [each.run_id for each in others if self.world.is_going(each) and "redrive_of" not in each.event]
        if self.world.overlap != "both" and "redrive_of" not in execution.event:
            assert not at_once, f"turn: {execution.run_id} starts while {at_once} go"

    def _sync(self, work: SliceWork, fate: Fate, takes: int | None = None, stops_at: int | None = None) -> None:
        was_stopped = self.world.is_stopped
        sent = len(self.world.log)
        invocation, partner = self.world.call_sync_users(work, fate, takes=takes, stops_at=stops_at)
        if was_stopped and fate.kind in ("ends", "lost"):
            assert not partner.called, f"stop: {partner.called} were called for"
        if stops_at is not None and fate.kind in ("ends", "lost"):
            assert len(partner.called) <= stops_at + 1, f"stop: {partner.called} were called for"
        if fate.kind in ("ends", "lost") and invocation.has_answered:
            self._check_slice(work, invocation, partner, sent)
        self._hear_slice(work, invocation)

    def _check_slice(self, work: SliceWork, invocation: Invocation, partner: GatedPartner, sent: int) -> None:
        rows = {
            row.place
            for data in self.world.log[sent:]
            if (record := oracle.read_record(data)) is not None
            for row in record.rows
        }
        event = work.event
        key = f"runs/{event['run_id']}/failures/SyncUsers-{event['chunk']:05d}-{event['start']:05d}.json"
        failed = set(work.places) - rows
        assert rows <= set(work.places), f"slice: rows of {rows} are not of {work.places}"
        if failed:
            document = self.world.read_json(key) or {"failures": []}
            recorded = {(event["chunk"], each["position"]) for each in document["failures"]}
            assert recorded == failed, f"slice: {failed} failed and {recorded} are recorded"
        assert invocation.answer == {"synced": len(rows), "failed": len(failed)}, f"slice: {invocation.answer}"
        assert partner.refused == len(set(partner.called)) - len(rows), f"slice: {partner.called} for {rows}"

    def _hear_slice(self, work: SliceWork, invocation: Invocation) -> None:
        if invocation.has_answered and invocation.is_heard:
            work.is_over = True
        if invocation.has_ended and invocation.error is not None and invocation.is_heard:
            assert isinstance(invocation.error, BatchError), f"slice: SyncUsers raised {invocation.error!r}"

    def _close(self, execution: Execution, fate: Fate) -> None:
        world = self.world
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

    def _go_on(self, invocation: Invocation, fate: Fate) -> None:
        self.world.go_on(invocation, fate)
        for execution in self.world.executions:
            if invocation in execution.listings:
                self._hear_listing(execution, invocation)
            elif invocation in execution.closings:
                self._hear_closing(execution, invocation)
            for work in execution.slices:
                if invocation in work.attempts:
                    self._hear_slice(work, invocation)

    # Whom a rule may take.

    def _runs(self) -> list[Execution]:
        return [each for each in self.world.executions if "redrive_of" not in each.event]

    def _ended(self) -> list[Execution]:
        """Those that may be run again; where there is none, those that are to be refused."""
        runs = self._runs()
        return [each for each in runs if each.has_started and not self.world.is_going(each)] or runs

    def _going(self) -> list[Execution]:
        return [each for each in self.world.executions if self.world.is_going(each) and not each.closings]

    def _unlisted(self) -> list[Execution]:
        """Their ListUsers failed, died, was not heard of, is taken for dead, or said WAITING."""
        return [each for each in self.world.executions if each.answer is None and self.world.is_alive(each)]

    def _slices(self) -> list[SliceWork]:
        return [
            work
            for execution in self.world.executions
            if execution.has_started and not execution.closings and self.world.is_alive(execution)
            for work in execution.slices
            if not work.is_over
        ]

    def _closable(self) -> list[Execution]:
        return [each for each in self.world.executions if each.has_started and self.world.is_alive(each)]


class _LookAtListing:
    """What was true before an attempt at ListUsers, and what it must have come to."""

    def __init__(self, world: World, execution: Execution) -> None:
        self._world = world
        self._execution = execution
        self._was_stopped = world.is_stopped
        original = execution.event.get("redrive_of")
        self._left = {} if original is None else self._find_left(original.partition("-r")[0])
        self._listings = {key for key in world.objects.objects if key.endswith("/listing.json")}
        self._active = world.active_users()

    def look_again(self, invocation: Invocation, *, is_undisturbed: bool) -> None:
        """Compare with the answer, if there is one."""
        if not (is_undisturbed and invocation.has_answered):
            return
        answer = invocation.answer
        if self._was_stopped:
            assert not answer["started"], f"stop: {answer['run_id']} was listed"
        if not answer["started"]:
            if answer.get("status") == "NOTHING_TO_REDRIVE":
                assert not self._chosen(), f"redrive: {self._chosen()} are left, and nobody was listed"
            return
        listed = list(oracle.chunk_users(self._world.objects.objects, answer).values())
        assert len(listed) == len(set(listed)), f"listing: somebody is listed twice in {listed}"
        if f"runs/{answer['run_id']}/listing.json" in self._listings:
            return  # an attempt before this one has listed
        expected = self._active if "redrive_of" not in self._execution.event else self._chosen()
        name = "listing" if "redrive_of" not in self._execution.event else "redrive"
        assert set(listed) == expected, f"{name}: {listed} were listed, {expected} were to be"

    def _chosen(self) -> set[str]:
        reasons = self._execution.event.get("reasons")
        return {user_id for user_id, reason in self._left.items() if not reasons or reason in reasons}

    def _find_left(self, original: str) -> dict[str, str]:
        """Of a run whose answer nobody has heard, too, if it was listed."""
        objects = self._world.objects.objects
        listing = self._world.read_json(f"runs/{original}/listing.json")
        if listing is None:
            return {}
        attempts = []
        for number in range(1, 1000):
            run_id = f"{original}-r{number}"
            if f"runs/{run_id}/started.json" not in objects:
                break
            answer = self._world.read_json(f"runs/{run_id}/listing.json")
            if answer is not None:
                attempts.append((run_id, oracle.chunk_users(objects, answer)))
        users = oracle.chunk_users(objects, listing)
        return oracle.left_users(users, attempts, self._world.accounted_rows(), objects, original)


def _choose(items: list[Any], pick: int) -> Any:
    return items[pick % len(items)]


def _run_id(run: Execution) -> str:
    return datetime.fromisoformat(run.event["scheduled_time"]).strftime("%Y%m%dT%H%M%SZ")


__all__ = ["BatchMachine", "Delivery"]
