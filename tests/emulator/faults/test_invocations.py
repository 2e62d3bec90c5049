"""Faults between those who invoke and Lambda."""

import asyncio
import json
from dataclasses import dataclass, field

import pytest

from emulator.errors import AwsError
from emulator.faults import (
    ALWAYS,
    DeliverKept,
    DeliverReversed,
    DeliverToTwo,
    DeliverTwice,
    Effect,
    FailInvoke,
    Fault,
    FaultPlan,
    InvokeTwice,
    KeepBatch,
    StartTwice,
    Trigger,
)
from emulator.faults.invocations import FaultyDeliveries, FaultyTasks
from emulator.step_functions.ports import InvokeResult
from tests.emulator.step_functions.doubles import FakeLambda, create_machine, jsonata, make_service
from tests.fakes.virtual_time import run_virtual


@dataclass
class Recorder:
    """An invoker that remembers what it was handed."""

    batches: list[list[int]] = field(default_factory=list)

    async def invoke(self, function: str, payload: bytes, *, trace_header: str | None) -> InvokeResult:
        self.batches.append(json.loads(payload)["Records"])
        return InvokeResult(str(len(self.batches)).encode(), None, "1", 200, "request")


def deliver(*effects: Effect, batches: list[list[int]], first_alone: bool = False) -> list[list[int]]:
    """What the function gets when the mapping hands over `batches`."""
    recorder, plan = Recorder(), FaultPlan()
    trigger = Trigger() if first_alone else ALWAYS
    plan.arm(*(Fault("f", effect, trigger=trigger if isinstance(effect, KeepBatch) else ALWAYS) for effect in effects))

    async def run() -> None:
        deliveries = FaultyDeliveries(recorder, plan)
        for batch in batches:
            await deliveries.invoke("f", json.dumps({"Records": batch}).encode(), trace_header=None)

    asyncio.run(run())
    return recorder.batches


@pytest.mark.parametrize(
    ("effects", "got"),
    [
        ([], [[1, 2], [3]]),
        ([DeliverTwice()], [[1, 2], [1, 2], [3], [3]]),
        ([DeliverToTwo()], [[1, 2], [1, 2], [3], [3]]),
        ([DeliverReversed()], [[2, 1], [3]]),
        ([KeepBatch(), DeliverKept()], [[1, 2], [1, 2], [3], [1, 2]]),
    ],
)
def test_deliveries(effects: list[Effect], got: list[list[int]]) -> None:
    assert deliver(*effects, batches=[[1, 2], [3]], first_alone=True) == got


def invoke_task(effect: Effect) -> tuple[FakeLambda, InvokeResult | AwsError]:
    """A state machine's invocation under the fault, and its answer."""
    functions, plan = FakeLambda({"f": lambda _: 1}), FaultPlan()
    plan.arm(Fault("fault", effect))

    async def run() -> InvokeResult | AwsError:
        try:
            return await FaultyTasks(functions, plan).invoke("f", b"{}", trace_header=None)  # type: ignore[return-value]
        except AwsError as error:
            return error

    return functions, asyncio.run(run())


def test_task_is_refused_and_the_function_not_invoked() -> None:
    functions, answer = invoke_task(FailInvoke("TooManyRequestsException", 429))

    assert isinstance(answer, AwsError)
    assert (answer.code, answer.status) == ("TooManyRequestsException", 429)
    assert functions.calls == []


def test_task_invokes_twice_at_once() -> None:
    functions, answer = invoke_task(InvokeTwice())

    assert not isinstance(answer, AwsError)
    assert len(functions.calls) == 2


def test_execution_is_started_twice_with_the_same_input() -> None:
    plan = FaultPlan()

    async def run() -> list[object]:
        service = make_service(faults=plan)
        machine = await create_machine(service, jsonata("A", A={"Type": "Pass", "End": True}))
        plan.arm(Fault("twice", StartTwice()))
        await (await service.start(machine, {"n": 1}, name="mine")).wait()
        for execution in service.executions():
            await execution.wait()
        inputs: list[object] = [execution.input.value for execution in service.executions()]
        await service.close()
        return inputs

    assert run_virtual(run()) == [{"n": 1}, {"n": 1}]
