"""The gate: every request at its slot, in virtual time."""

import asyncio
from collections import Counter
from typing import Any

import pytest
from express_batch.call_gate import CallGate
from express_batch.call_slots import CallSlots
from express_batch.errors import ApiServerError, ApiThrottledError
from express_batch.job_contract import Job, User
from express_batch.partner_calls import SliceAnswers, fetch_slice
from express_batch.partner_clock import MICROSECONDS
from express_batch.partner_limit import PartnerLimit

from tests.fakes.job import ValueJob
from tests.fakes.limit_table import MemoryTable
from tests.fakes.partner import ScriptedPartner
from tests.fakes.virtual_time import run_virtually
from tests.unit.test_partner_calls import TimedSwitch

EPOCH = 1_795_000_000
ANSWER = {"value": 1}
SECOND = MICROSECONDS


class Scene:
    """Slices that call one partner at 500 calls a second, side by side on one virtual clock."""

    def __init__(self, calls_per_second: int = 500, script: list[Any] | None = None, latency: float = 0.1) -> None:
        self.table = MemoryTable()
        self.rate = calls_per_second
        self.script = [ANSWER] if script is None else script
        self.partner = ScriptedPartner({}, latency=latency)
        self.slots: list[CallSlots] = []
        self.latest = 50.0

    def now(self) -> int:
        try:
            return EPOCH * SECOND + round(asyncio.get_running_loop().time() * SECOND)
        except RuntimeError:
            return EPOCH * SECOND

    async def run_slice(self, number: int, users: int, *, job: Job | None = None, **options: Any) -> SliceAnswers:
        """One slice in an environment of its own."""
        limit = PartnerLimit(self.table, "loyalty", self.rate, self.now)
        until = self.now() + round(self.latest * SECOND)
        lease = limit.take_slots(users, limit.lanes.of_slice(number, 0, users), until=until)
        slots = CallSlots(limit, lease, users=users, until=until)
        self.slots.append(slots)
        names = [f"u{number}-{user}" for user in range(users)]
        self.partner._script = {**self.partner._script, **{f"/{name}": self.script for name in names}}
        return await fetch_slice(
            [User(name, "acme") for name in names],
            first_position=0,
            job=job or ValueJob(),
            api=self.partner,
            calls_in_flight=250,
            seconds_left=self.latest,
            now_microseconds=lambda: 77,
            jitter=lambda: 0.5,
            gate=CallGate(slots, None, until=until / SECOND, now=lambda: self.now() / SECOND),
            **options,
        )

    def run(self, slices: int, users: int, **options: Any) -> list[SliceAnswers]:
        """All of them at once."""

        async def all_slices() -> list[SliceAnswers]:
            return await asyncio.gather(*(self.run_slice(number, users, **options) for number in range(slices)))

        answers, _ = run_virtually(all_slices())
        return answers

    @property
    def calls_by_second(self) -> Counter[int]:
        """As the partner counts them."""
        return Counter(int(moment) for times in self.partner.call_times.values() for moment in times)


def reasons(answers: list[SliceAnswers]) -> Counter[str]:
    return Counter(failure.reason for one in answers for failure in one.failures)


def test_slices_side_by_side_keep_the_rate_in_every_second_and_reach_nine_tenths_of_it() -> None:
    scene = Scene()

    answers = scene.run(slices=12, users=250)

    assert sum(len(one.rows) for one in answers) == 3000
    assert max(scene.calls_by_second.values()) <= 500
    whole_seconds = [calls for second, calls in scene.calls_by_second.items() if 0 < second < 6]
    assert min(whole_seconds) >= 450
    assert not any(slots.tally.forfeited for slots in scene.slots)


def test_rate_holds_when_every_user_needs_a_repeat() -> None:
    scene = Scene(script=[ApiServerError("503"), ANSWER])

    answers = scene.run(slices=4, users=100)

    assert sum(len(one.rows) for one in answers) == 400
    assert sum(scene.calls_by_second.values()) == 800
    assert max(scene.calls_by_second.values()) <= 500


def test_each_request_of_a_job_takes_a_slot() -> None:
    class TwoRequests(ValueJob):
        async def call_api(self, api: Any, user: User) -> Any:
            await api.get_json(f"/{user.user_id}")
            return await api.get_json(f"/{user.user_id}")

    scene = Scene(calls_per_second=100)

    answers = scene.run(slices=1, users=150, job=TwoRequests())

    assert len(answers[0].rows) == 150
    assert scene.slots[0].tally.requests == 300
    assert max(scene.calls_by_second.values()) <= 100


def test_users_beyond_the_time_fail_at_once_and_by_name() -> None:
    scene = Scene(calls_per_second=10)
    scene.latest = 5.0

    answers = scene.run(slices=1, users=100)

    found = reasons(answers)
    assert found.pop("TimeLeftError", 0) <= 1  # in flight when the time was over
    assert set(found) == {"LimitReachedError"}
    assert 30 <= len(answers[0].rows) <= 40


def test_nobody_is_called_when_the_slice_got_no_slots() -> None:
    scene = Scene(calls_per_second=1)
    scene.latest = 30.0

    answers = scene.run(slices=2, users=100)

    assert answers[1].rows == []
    assert len(answers[1].failures) == 100
    assert scene.slots[1].tally.requests == 0


def test_everybody_is_slower_after_a_429_and_the_partner_is_left_alone_for_as_long_as_it_asks() -> None:
    # GIVEN a partner that refuses a first call of each user of one slice and asks for three seconds
    scene = Scene()

    async def scenario() -> None:
        scene.script = [ApiThrottledError("429", 3.0), ANSWER]
        first = asyncio.ensure_future(scene.run_slice(0, 10))
        await asyncio.sleep(0.05)
        scene.script = [ANSWER]
        await asyncio.gather(first, *(scene.run_slice(number, 2500) for number in range(1, 4)))

    run_virtually(scenario())

    # THEN all are quiet once they have heard of it, and go on at seven tenths
    calls = scene.calls_by_second
    assert calls[3] == 0
    assert 0 < calls[6] <= 350
    assert scene.table.items["loyalty"]["clock_share"] in (700, 800, 900, 1000)
    # and the rate has come back in the end
    assert max(calls[second] for second in range(15, 30)) > 350


def test_cut_is_one_for_a_burst_of_429s() -> None:
    scene = Scene(script=[ApiThrottledError("429", None), ANSWER])

    scene.run(slices=4, users=50)

    assert scene.table.items["loyalty"]["clock_changes"] == 1


def test_late_requests_take_a_later_slot_and_do_not_go_out_at_once() -> None:
    # GIVEN a slice whose environment stands still for half a second
    scene = Scene()

    async def scenario() -> SliceAnswers:
        loop: Any = asyncio.get_running_loop()

        def freeze() -> None:
            loop._jumping.waited += 0.5

        loop.call_later(1.5, freeze)
        return await scene.run_slice(0, 200)

    answers, _ = run_virtually(scenario())

    assert len(answers.rows) == 200
    assert scene.slots[0].tally.forfeited > 40
    moments = sorted(moment for times in scene.partner.call_times.values() for moment in times)
    burst = max(sum(1 for other in moments if moment <= other < moment + 0.02) for moment in moments)
    assert burst <= 12


def test_few_late_requests_take_few_slots_more() -> None:
    """Else the next slice's repeats would wait for slots of users who have theirs, and sleep until it comes."""
    scene = Scene()

    async def scenario() -> SliceAnswers:
        loop: Any = asyncio.get_running_loop()

        def freeze() -> None:
            loop._jumping.waited += 0.1

        loop.call_later(1.3, freeze)
        work = asyncio.ensure_future(scene.run_slice(0, 200))
        await asyncio.sleep(0.1)
        others = PartnerLimit(scene.table, "loyalty", scene.rate, scene.now)
        for number in range(4):  # the lanes are taken, but for that of the repeats
            others.take_slots(5000, f"lane{number}", until=scene.now() + 1000 * SECOND)
        return await work

    run_virtually(scenario())

    assert 0 < scene.slots[0].tally.forfeited < 15
    taken = scene.table.items["loyalty"]["repeats"]
    assert isinstance(taken, int)
    assert taken < (EPOCH + 4) * SECOND


class NotingCircuit:
    """Never opens, and keeps when it was told that each user's first call began."""

    def __init__(self) -> None:
        self.called_at: dict[str, float] = {}

    def note(self, user_id: str, called_at: float, ended: float, error: Any) -> bool:
        self.called_at[user_id] = called_at
        return False

    async def wait_until_open(self) -> None:
        await asyncio.sleep(1000)


def test_circuit_hears_when_a_user_was_called_and_not_when_its_wait_for_a_slot_began() -> None:
    scene, circuit = Scene(script=[ApiServerError("503"), ANSWER]), NotingCircuit()

    scene.run(slices=1, users=50, circuit=circuit)

    first_calls = {path.removeprefix("/"): times[0] for path, times in scene.partner.call_times.items()}
    assert circuit.called_at == first_calls


def test_waiting_is_broken_off_when_calls_are_stopped() -> None:
    scene = Scene(calls_per_second=10)

    answers = scene.run(slices=1, users=100, switch=TimedSwitch(3.0))

    assert set(reasons(answers)) == {"StoppedError"}
    assert 15 <= len(answers[0].rows) <= 21


def test_slots_in_hand_are_used_and_repeats_fail_by_name_when_the_table_goes_away() -> None:
    scene = Scene(script=[ApiServerError("503"), ANSWER])

    async def scenario() -> SliceAnswers:
        work = asyncio.ensure_future(scene.run_slice(0, 50))
        await asyncio.sleep(0.01)
        scene.table.is_away = True
        return await work

    answers, _ = run_virtually(scenario())

    assert reasons([answers]) == {"LimitReachedError": 50}
    assert sum(scene.calls_by_second.values()) == 50
    assert scene.slots[0].tally.problem == "DynamoDB does not answer"


@pytest.mark.parametrize("latency", [0.05, 2.0])
def test_rate_is_reached_whatever_the_partner_takes_to_answer(latency: float) -> None:
    scene = Scene(latency=latency)

    scene.run(slices=8, users=250)

    assert all(450 <= scene.calls_by_second[second] <= 500 for second in (1, 2, 3))
