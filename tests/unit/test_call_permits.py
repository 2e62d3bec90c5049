"""Permits while slices call, in virtual time: taken as they are needed, and given back as calls run out."""

import asyncio
from collections import Counter
from typing import Any

import pytest
from express_batch.call_gate import CallGate
from express_batch.call_lanes import Lease
from express_batch.call_permits import CallPermits
from express_batch.call_slots import CallSlots
from express_batch.errors import ApiServerError
from express_batch.job_contract import Job, User
from express_batch.partner_calls import SliceAnswers, fetch_slice
from express_batch.partner_clock import MICROSECONDS
from express_batch.partner_limit import PartnerLimit
from express_batch.partner_permits import PartnerPermits, SlicePermits, Steps
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.bounds import BOUNDED
from tests.fakes.job import ValueJob
from tests.fakes.limit_table import MemoryTable
from tests.fakes.partner import ScriptedPartner
from tests.fakes.virtual_time import run_virtually
from tests.unit.test_partner_calls import TimedSwitch

EPOCH = 1_795_000_000
KEY = "loyalty#in-flight"
RATE = 125  # of a slice that has slots


class Scene:
    """Slices that call one partner side by side on one virtual clock, each in an environment of its own."""

    def __init__(self, calls_in_flight: int = 800, latency: float = 0.1, script: list[Any] | None = None) -> None:
        self.table = MemoryTable()
        self.most = calls_in_flight
        self.script = [{"value": 1}] if script is None else script
        self.partner = ScriptedPartner({}, latency=latency)
        self.held: list[SlicePermits] = []

    def now(self) -> float:
        return EPOCH + asyncio.get_running_loop().time()

    async def run_slice(
        self,
        number: int = 0,
        users: int = 250,
        *,
        begins: float = 0.0,
        slots_at: float | None = None,
        seconds: float = 50.0,
        job: Job | None = None,
        **options: Any,
    ) -> SliceAnswers:
        """A slice that begins then, with slots of its own from `slots_at` on, or without a rate."""
        await asyncio.sleep(begins)
        until = self.now() + seconds
        permits = PartnerPermits(self.table, "loyalty", self.most, now=self.now)
        held, slots, margin = permits.open(f"request-{number}", until), None, 1
        self.held.append(held)
        steps = Steps(users, 2)
        if slots_at is not None:
            gap = MICROSECONDS // RATE
            lease = Lease("lane0", round((EPOCH + slots_at) * MICROSECONDS), gap, users)
            limit = PartnerLimit(self.table, "loyalty", 500, lambda: round(self.now() * MICROSECONDS))
            slots = CallSlots(limit, lease, users=users, until=round(until * MICROSECONDS))
            steps, margin = Steps(RATE // 2, 4), 6
        names = [f"u{number}-{user}" for user in range(users)]
        self.partner._script = {**self.partner._script, **{f"/{name}": self.script for name in names}}
        try:
            return await fetch_slice(
                [User(name, "acme") for name in names],
                first_position=0,
                job=job or ValueJob(),
                api=self.partner,
                calls_in_flight=250,
                seconds_left=seconds,
                now_microseconds=lambda: 77,
                jitter=lambda: 0.5,
                gate=CallGate(slots, CallPermits(held, steps, margin=margin), until=until, now=self.now),
                **options,
            )
        finally:
            held.close()

    @property
    def item(self) -> dict[str, int | str]:
        return self.table.items[KEY]


def test_slice_has_as_many_in_flight_as_it_has_permits_and_gives_them_back() -> None:
    scene = Scene(calls_in_flight=40)

    answers, seconds = run_virtually(scene.run_slice())

    assert len(answers.rows) == 250
    assert 20 <= scene.partner.most_in_flight <= 40
    assert seconds < 1.5
    assert scene.item == {"held": 0}


def test_slices_share_what_there_is_and_nobody_is_left_out() -> None:
    scene = Scene(calls_in_flight=60, latency=0.5)

    async def scenario() -> list[SliceAnswers]:
        return await asyncio.gather(*(scene.run_slice(number) for number in range(4)))

    answers, seconds = run_virtually(scenario())

    assert [len(one.rows) for one in answers] == [250] * 4
    assert scene.partner.most_in_flight <= 60
    # 1,000 calls of half a second, 60 at once, are 8.3 s.
    assert seconds < 12


def test_slice_holds_little_more_than_is_in_flight_while_it_calls_at_its_slots() -> None:
    scene, idle = Scene(latency=1.0), []

    async def scenario() -> SliceAnswers:
        work = asyncio.ensure_future(scene.run_slice(slots_at=0.1))
        while not work.done():
            await asyncio.sleep(0.05)
            idle.append(scene.held[0].count - scene.partner.in_flight)
        return await work

    answers, _ = run_virtually(scenario())

    assert len(answers.rows) == 250
    assert max(idle) <= 2 * (RATE // 2) + 6
    # Without a step for each of its calls.
    assert scene.table.writes <= 12


def test_steps_are_small_when_permits_are_scarce() -> None:
    scene, idle = Scene(calls_in_flight=150, latency=1.0), []

    async def scenario() -> SliceAnswers:
        work = asyncio.ensure_future(scene.run_slice(slots_at=0.1))
        while not work.done():
            await asyncio.sleep(0.05)
            if scene.held[0].count > 100:
                idle.append(scene.held[0].count - scene.partner.in_flight)
        return await work

    run_virtually(scenario())

    assert max(idle) <= 2 * 12 + 6


def test_next_slice_begins_with_the_permits_that_the_one_before_gives_back() -> None:
    """Each needs 125, and 160 are there: one that kept them until its last answer would keep out the other."""
    scene = Scene(calls_in_flight=160, latency=1.0)

    async def scenario() -> tuple[SliceAnswers, ...]:
        return await asyncio.gather(
            scene.run_slice(0, slots_at=0.1), scene.run_slice(1, begins=1.9, slots_at=2.1, seconds=10.0)
        )

    answers, seconds = run_virtually(scenario())

    assert [len(one.rows) for one in answers] == [250, 250]
    assert seconds < 6.5
    assert scene.partner.most_in_flight <= 160


def test_nothing_is_held_while_the_slots_are_far_off() -> None:
    scene, held = Scene(), []

    async def scenario() -> SliceAnswers:
        work = asyncio.ensure_future(scene.run_slice(users=50, slots_at=10.0))
        await asyncio.sleep(9.0)
        held.append(scene.held[0].count)
        return await work

    answers, _ = run_virtually(scenario())

    assert len(answers.rows) == 50
    assert held[0] <= 12


def test_permit_of_a_call_that_waits_for_its_slot_is_not_given_back_when_permits_become_scarce() -> None:
    scene, over = Scene(latency=1.0), []

    async def scenario() -> SliceAnswers:
        work = asyncio.ensure_future(scene.run_slice(users=60, slots_at=0.3))
        await asyncio.sleep(0.1)
        held = scene.held[0]
        held._permits.free = 0
        await asyncio.sleep(0.23)
        other = PartnerPermits(scene.table, "loyalty", scene.most, now=scene.now).open("other", scene.now() + 60)
        other.take(800, Steps(800, 1))
        while not work.done():
            await asyncio.sleep(0.01)
            over.append(scene.partner.in_flight - held.count)
        return await work

    run_virtually(scenario())

    assert max(over) <= 0


def test_permits_of_users_that_wait_for_a_repeat_are_anothers_meanwhile() -> None:
    scene = Scene(script=[ApiServerError("503"), ApiServerError("503"), ApiServerError("503"), {"value": 1}])

    answers, _ = run_virtually(scene.run_slice(users=100))

    assert len(answers.rows) == 100
    assert scene.partner.in_flight == 0
    assert scene.item == {"held": 0}


def test_job_that_sends_no_request_and_one_that_sends_two_give_back_every_permit() -> None:
    class Changing(ValueJob):
        async def call_api(self, api: Any, user: User) -> Any:
            number = int(user.user_id.rpartition("-")[2])
            if number % 3 == 0:
                return {"value": 0}
            if number % 3 == 1:
                await asyncio.gather(*(api.get_json(f"/{user.user_id}") for _ in range(2)))
            return await api.get_json(f"/{user.user_id}")

    scene = Scene(calls_in_flight=30)

    answers, _ = run_virtually(scene.run_slice(job=Changing()))

    assert len(answers.rows) == 250
    assert scene.partner.most_in_flight <= 30
    assert scene.item == {"held": 0}


def reasons(answers: SliceAnswers) -> Counter[str]:
    return Counter(failure.reason for failure in answers.failures)


def test_users_fail_by_name_when_no_permit_comes_in_time() -> None:
    scene = Scene(calls_in_flight=1, latency=1.0)

    answers, _ = run_virtually(scene.run_slice(users=20, seconds=5.0))

    assert len(answers.rows) in (4, 5)
    assert len(answers.rows) + reasons(answers).total() == 20
    assert set(reasons(answers)) <= {"LimitReachedError", "TimeLeftError"}


def test_waiting_for_a_permit_is_broken_off_when_calls_are_stopped() -> None:
    scene = Scene(calls_in_flight=10, latency=1.0)

    answers, seconds = run_virtually(scene.run_slice(users=100, switch=TimedSwitch(2.5)))

    assert len(answers.rows) == 30
    assert set(reasons(answers)) == {"StoppedError"}
    assert seconds == pytest.approx(3.0, abs=0.1)
    assert scene.item == {"held": 0}


def test_slice_goes_on_with_what_it_has_when_the_table_is_away_for_a_while() -> None:
    scene = Scene(calls_in_flight=100, latency=1.0)

    async def scenario() -> SliceAnswers:
        work = asyncio.ensure_future(scene.run_slice(users=200))
        await asyncio.sleep(0.5)
        scene.table.is_away = True
        await asyncio.sleep(1.0)
        scene.table.is_away = False
        return await work

    answers, seconds = run_virtually(scenario())

    assert len(answers.rows) == 200
    assert seconds < 6


@BOUNDED
@given(
    st.integers(1, 120),
    st.lists(
        st.tuples(
            st.integers(1, 120),  # users
            st.floats(0, 3),  # when it begins
            st.one_of(st.none(), st.floats(0, 4)),  # when its slots begin
            st.floats(0.5, 8),  # its time
        ),
        min_size=1,
        max_size=6,
    ),
    st.sampled_from([0.02, 0.3, 1.4]),
)
def test_never_more_are_in_flight_than_there_are_permits_and_everybody_is_accounted_for(
    most: int, slices: list[tuple[int, float, float | None, float]], latency: float
) -> None:
    scene = Scene(calls_in_flight=most, latency=latency)

    async def scenario() -> list[SliceAnswers]:
        return await asyncio.gather(
            *(
                scene.run_slice(number, users, begins=begins, slots_at=slots_at, seconds=seconds)
                for number, (users, begins, slots_at, seconds) in enumerate(slices)
            )
        )

    answers, _ = run_virtually(scenario())

    assert scene.partner.most_in_flight <= most
    for (users, *_), one in zip(slices, answers, strict=True):
        assert len(one.rows) + len(one.failures) == users
    assert scene.table.items.get(KEY, {"held": 0}) == {"held": 0}
