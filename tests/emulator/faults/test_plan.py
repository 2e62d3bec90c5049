"""When an armed fault strikes, and whom."""

import math

import pytest

from emulator.faults import ALWAYS, Delay, Fault, FaultPlan, LoseAnswer, RefuseRecord, Scope, Trigger, share_of_calls


class Clock:
    """A clock that stands still until it is put forward."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def strikes(plan: FaultPlan, calls: int, **where: str) -> list[bool]:
    """Whether each of so many calls is struck."""
    return [plan.strike(Delay, **where) is not None for _ in range(calls)]


def test_nothing_strikes_when_nothing_is_armed() -> None:
    plan = FaultPlan()

    assert not plan.armed
    assert strikes(plan, 3) == [False] * 3


def test_the_calls_of_its_trigger_are_struck_and_no_others() -> None:
    plan = FaultPlan()
    plan.arm(Fault("slow", Delay(1), trigger=Trigger(first=2, calls=2)))

    assert strikes(plan, 5) == [False, True, True, False, False]
    assert plan.strikes == {"slow": 2}


def test_a_share_of_the_calls_is_struck_and_the_same_one_when_the_seed_is() -> None:
    plan, again, other = FaultPlan(), FaultPlan(), FaultPlan()
    plan.arm(Fault("slow", Delay(1), trigger=share_of_calls(0.3, seed=7)))
    again.arm(Fault("slow", Delay(1), trigger=share_of_calls(0.3, seed=7)))
    other.arm(Fault("slow", Delay(1), trigger=share_of_calls(0.3, seed=8)))

    struck = strikes(plan, 1000)

    assert 250 < sum(struck) < 350
    assert struck == strikes(again, 1000)
    assert struck != strikes(other, 1000)


@pytest.mark.parametrize(("seconds", "struck"), [(0.0, False), (1.9, False), (2.0, True), (4.9, True), (5.0, False)])
def test_it_strikes_within_its_time_alone(seconds: float, struck: bool) -> None:
    clock = Clock()
    plan = FaultPlan(clock)
    plan.arm(Fault("slow", Delay(1), trigger=Trigger(calls=math.inf, after_seconds=2, for_seconds=3)))

    clock.now += seconds

    assert strikes(plan, 1) == [struck]


@pytest.mark.parametrize(
    ("scope", "struck"),
    [
        (Scope(), True),
        (Scope(service="kinesis"), True),
        (Scope(service="s3"), False),
        (Scope("kinesis", "PutRecords", "SyncUsers"), True),
        (Scope("kinesis", "PutRecord"), False),
        (Scope(function="WriteRows"), False),
    ],
)
def test_calls_out_of_scope_are_neither_struck_nor_counted(scope: Scope, struck: bool) -> None:
    plan = FaultPlan()
    plan.arm(Fault("slow", Delay(1), scope))

    assert plan.strike(Delay, service="x", operation="y", function="z") is None or scope == Scope()
    plan.arm(Fault("slow", Delay(1), scope))
    assert strikes(plan, 1, service="kinesis", operation="PutRecords", function="stack-SyncUsers") == [struck]


def test_faults_of_another_kind_are_left_alone() -> None:
    plan = FaultPlan()
    plan.arm(Fault("lost", LoseAnswer(), trigger=ALWAYS), Fault("slow", Delay(3), trigger=ALWAYS))

    assert plan.strike(Delay) == Delay(3)
    assert plan.strikes == {"slow": 1}


def test_disarm_ends_it_and_keeps_the_count_with_the_time_of_the_first_strike() -> None:
    clock = Clock()
    plan = FaultPlan(clock)
    plan.arm(Fault("slow", Delay(1), trigger=ALWAYS))
    strikes(plan, 1)
    clock.now += 5
    strikes(plan, 1)

    plan.disarm()

    assert not plan.armed
    assert strikes(plan, 1) == [False]
    assert (plan.strikes, plan.first_strike) == ({"slow": 2}, 100.0)
    plan.forget()
    assert (plan.strikes, plan.first_strike) == ({}, None)


def test_kinesis_refuses_a_record_when_such_a_fault_strikes() -> None:
    plan = FaultPlan()
    assert plan.refuse_record("stream", "key", b"") is None

    plan.arm(Fault("refused", RefuseRecord("InternalFailure")))

    refusal = plan.refuse_record("stream", "key", b"")
    assert refusal is not None
    assert refusal[0] == "InternalFailure"
    assert plan.refuse_record("stream", "key", b"") is None
