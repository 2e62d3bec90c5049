"""Lambda and Step Functions: what dies, what is lost, what comes twice."""

from collections.abc import Sequence

from chaos.scenario import COMPLETE, PARTIAL, Scenario, armed
from chaos.stage import Stage
from emulator.faults import (
    Effect,
    FailInvoke,
    Fault,
    HoldAnswer,
    InvokeTwice,
    KillEnvironment,
    Scope,
    StartTwice,
    Trigger,
    share_of_calls,
)

EVERY_FUNCTION = ""


def _kill(name: str, what: str, survives: str, function: str, trigger: Trigger, seconds: float) -> Scenario:
    def make(fault_name: str, _seed: int) -> Sequence[Fault]:
        return [Fault(fault_name, KillEnvironment(seconds), Scope(function=function), trigger)]

    return Scenario(name, what, survives, armed(make, name), is_quick=function == "SyncUsers")


def _share(
    name: str, what: str, survives: str, effect: Effect, function: str, share: float, *, is_quick: bool = False
) -> Scenario:
    def make(fault_name: str, seed: int) -> Sequence[Fault]:
        return [Fault(fault_name, effect, Scope(function=function), share_of_calls(share, seed))]

    # By another seed a slice may be refused each time.
    return Scenario(name, what, survives, armed(make, name), ends=(COMPLETE, PARTIAL), is_quick=is_quick)


def _lose_an_answer(name: str, _seed: int) -> Sequence[Fault]:
    return [Fault(name, HoldAnswer(), Scope(function="SyncUsers"), Trigger(first=2, calls=2))]


def _start_twice(name: str, _seed: int) -> Sequence[Fault]:
    return [Fault(name, StartTwice(), Scope(function="UserBatch"))]


def _invoke_twice(name: str, seed: int) -> Sequence[Fault]:
    return [Fault(name, InvokeTwice(), trigger=share_of_calls(0.5, seed))]


async def _each_called_once(stage: Stage, calls: int) -> str:
    return "" if calls == stage.users else f"{calls} calls of the partner API for {stage.users} users"


SCENARIOS = (
    _kill(
        "environment-killed-syncing",
        "three environments of SyncUsers are killed (-9) in the midst of their calls",
        "the state machine invokes the slice again",
        "SyncUsers",
        Trigger(first=2, calls=3),
        0.05,
    ),
    _kill(
        "environment-killed-writing",
        "two environments of WriteRows are killed (-9) in the midst of their batches",
        "the mapping splits and repeats the batch; rows and ledger are one transaction",
        "WriteRows",
        Trigger(calls=2),
        0.02,
    ),
    _kill(
        "environment-killed-listing",
        "the environment of ListUsers is killed (-9) while it lists",
        "the state machine invokes it again, and the claim is the execution's own",
        "ListUsers",
        Trigger(),
        0.02,
    ),
    _kill(
        "environment-killed-closing",
        "the environment of CloseRun is killed (-9) while it waits for the rows",
        "the state machine invokes it again",
        "CloseRun",
        Trigger(),
        0.01,
    ),
    Scenario(
        "answer-lost-after-the-write",
        "two invocations of SyncUsers time out after they wrote to the stream and before their answer is heard",
        "the slice is called again; the union of the ledger's masks counts each user once, the newer answer stays",
        armed(_lose_an_answer, "answer-lost-after-the-write"),
        is_quick=True,
    ),
    _share(
        "lambda-throttled",
        "Lambda refuses 40% of the invocations with TooManyRequestsException",
        "the state machine's retries, with jitter",
        FailInvoke("TooManyRequestsException", 429),
        EVERY_FUNCTION,
        0.4,
    ),
    _share(
        "lambda-unavailable",
        "Lambda refuses 30% of the invocations with ServiceException (500)",
        "the state machine's retries",
        FailInvoke("ServiceException", 500),
        EVERY_FUNCTION,
        0.3,
    ),
    Scenario(
        "run-started-twice",
        "the engine starts the execution a second time, at once",
        "the conditional write of started.json; the second says ALREADY_STARTED and calls for nobody",
        armed(_start_twice, "run-started-twice"),
        check=_each_called_once,
        is_quick=True,
    ),
    Scenario(
        "task-invoked-twice",
        "the engine invokes half of the tasks twice at the same time",
        "record ids of each attempt, the union of masks, the version of the answer (either of the two that overlap)",
        armed(_invoke_twice, "task-invoked-twice"),
        calls_overlap=True,
    ),
)
