"""The state machine of the model test: what may happen to a tenant group, in rules that Hypothesis takes in any order.

scenes.py has what is drawn for the rules, steps.py what they do and what must hold for one step, invariants.py what
must hold after each, rest.py how an example ends; world.py is what it all happens to.
"""

import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from express_batch.adapters.mysql import MysqlDatabase
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.database.server import Probe
from tests.model.invariants import Invariants
from tests.model.invocation import ENDS, Fate
from tests.model.ports import Clock
from tests.model.rest import come_to_rest
from tests.model.scenes import (
    DEATHS,
    FATES,
    LATE_STEPS,
    MOODS,
    OVERTAKINGS,
    PICK,
    SECOND_FAILURES,
    USERS,
    Death,
    LateStep,
    Overtaking,
    SecondFailure,
)
from tests.model.steps import Steps
from tests.model.world import Execution, SliceWork, World

NOT_A_RECORD = b"\x00 no record"
MOST_RUNS = 3  # of their own; more of them in an example leave less for each
FIRST_MOMENT = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)


class BatchMachine(RuleBasedStateMachine):
    """Runs, redrives, deliveries and operators in any order, each held, broken or killed anywhere."""

    def __init__(
        self, probe: Probe, environments: list[MysqlDatabase], make: Callable[[], MysqlDatabase], clock: Clock
    ) -> None:
        super().__init__()
        self.world = World(probe, environments, make, clock)
        self.steps = Steps(self.world)
        self.must_hold = Invariants(self.world)
        self.moments = 0
        self.duplicates = 0

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
        self.steps.list_users(self.world.start({"scheduled_time": moment.isoformat()}), fate)

    @precondition(lambda self: self.duplicates < MOST_RUNS)
    @rule(pick=PICK, fate=FATES)
    def same_run_starts_again(self, pick: int, fate: Fate) -> None:
        """The engine's duplicate, or somebody who starts the scheduled time by hand."""
        self.duplicates += 1
        event = _choose(self._runs(), pick).event
        self.steps.list_users(self.world.start(event), fate)

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
            self.steps.list_users(held, ENDS)
        elif overtaking.by == "the next run":
            self.run_starts(ENDS)
        else:
            self.steps.list_users(self.world.start(held.event), ENDS)
        self.steps.go_on_with(held)

    @precondition(lambda self: self.moments < MOST_RUNS)
    @rule(death=DEATHS)
    def dead_run_is_started_by_two_at_once(self, death: Death) -> None:
        self.run_starts(death.fate)
        event = self._runs()[-1].event
        self.time_passes(301.0)
        held = self.world.start(event)
        self.steps.list_users(held, Fate("holds", "store", death.second_held_at))
        self.steps.list_users(self.world.start(event), ENDS)
        self.steps.go_on_with(held)

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
            self.steps.list_users(first, Fate("holds", "store", late.at))
            self.steps.list_users(second, ENDS)
            self.steps.go_on_with(first)
            return
        self.steps.sync_slices(execution)
        self.steps.close_run(execution, Fate("holds", "commit", late.at))
        self.steps.deliver_all()
        self.steps.close_run(execution, ENDS)
        self.everything_holds()
        for invocation in execution.closings:
            if invocation.is_held:
                self.steps.go_on(invocation, ENDS)

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
            self.steps.sync_slices(execution)
            if mood == failure.mood:
                self.steps.deliver_all(failure.delivery)
                self.everything_holds()
            self.steps.close_run(execution, ENDS)
            reasons = [] if mood == failure.mood else [failure.reason]
            execution = self.world.start({"redrive_of": original, "reasons": reasons})
            self.steps.list_users(execution, ENDS)
            if not execution.has_started:
                return

    @precondition(lambda self: self._unlisted())
    @rule(pick=PICK, fate=FATES)
    def list_users_is_repeated(self, pick: int, fate: Fate) -> None:
        self.steps.list_users(_choose(self._unlisted(), pick), fate)

    @precondition(lambda self: self._slices())
    @rule(pick=PICK, fate=FATES, takes=st.none() | st.integers(0, 2), stops_at=st.none() | st.integers(0, 1))
    def slice_is_synced(self, pick: int, fate: Fate, takes: int | None, stops_at: int | None) -> None:
        self.steps.sync_users(_choose(self._slices(), pick), fate, takes, stops_at)

    @precondition(lambda self: self._slices())
    @rule(pick=PICK, moods=st.tuples(MOODS, MOODS), fate=FATES)
    def slice_is_synced_twice_and_delivered_at_once(self, pick: int, moods: tuple[str, str], fate: Fate) -> None:
        work = _choose(self._slices(), pick)
        for attempt, mood in zip((Fate("lost"), ENDS), moods, strict=True):
            self.partner_changes(set(USERS), mood)
            self.steps.sync_users(work, attempt)
        self.steps.deliver_all(fate)

    @precondition(lambda self: self._slices())
    @rule()
    def slices_are_synced(self) -> None:
        """All that are left, without any trouble."""
        for work in self._slices():
            self.steps.sync_users(work, ENDS)

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
        self.steps.close_run(_choose(self._closable(), pick), fate)

    @precondition(lambda self: self._going())
    @rule(pick=PICK, delivers=st.booleans(), fate=FATES)
    def run_goes_on_to_its_end(self, pick: int, delivers: bool, fate: Fate) -> None:
        """What happens nearly always; `fate` is CloseRun's."""
        execution = _choose(self._going(), pick)
        self.steps.sync_slices(execution)
        if delivers:
            self.steps.deliver_all()
        self.steps.close_run(execution, fate)

    @precondition(lambda self: self._ended())
    @rule(pick=PICK, fate=FATES, reasons=st.sampled_from([[], [], ["Missing"], ["ApiRejectedError", "StoppedError"]]))
    def run_is_redriven(self, pick: int, fate: Fate, reasons: list[str]) -> None:
        run = _choose(self._ended(), pick)
        self.steps.list_users(self.world.start({"redrive_of": _run_id(run), "reasons": reasons}), fate)

    @precondition(lambda self: self.world.held())
    @rule(pick=PICK, fate=FATES)
    def held_goes_on(self, pick: int, fate: Fate) -> None:
        self.steps.go_on(_choose(self.world.held(), pick), fate)

    @precondition(lambda self: self.world.held())
    @rule(pick=PICK)
    def held_dies(self, pick: int) -> None:
        self.steps.go_on(_choose(self.world.held(), pick), Fate("dies"))

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

    @invariant()
    def everything_holds(self) -> None:
        self.must_hold.check()

    def teardown(self) -> None:
        try:
            if sys.exc_info()[0] is None:
                come_to_rest(self.world, self.steps, self.must_hold)
        finally:
            self.world.kill_held()
            self.world.put_back()

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


def _choose(items: list[Any], pick: int) -> Any:
    return items[pick % len(items)]


def _run_id(run: Execution) -> str:
    return datetime.fromisoformat(run.event["scheduled_time"]).strftime("%Y%m%dT%H%M%SZ")
