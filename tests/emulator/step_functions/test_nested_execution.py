"""states:startExecution that waits for the execution it starts."""

import asyncio
import json
from typing import Any

from emulator.identity import Identity
from emulator.step_functions import StepFunctionsService
from tests.emulator.step_functions.doubles import FakeLambda, create_machine, event_types, jsonata
from tests.fakes.virtual_time import run_virtual


class OwnSdk:
    """Sends the calls of a service's tasks to the service itself."""

    service: StepFunctionsService

    async def call(self, _service: str, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        return await self.service.call(operation, parameters)


def run(child: dict[str, Any], pattern: str = ".sync:2", **fields: Any) -> tuple[Any, Any]:
    """The ended execution of a machine that starts the child and waits, and the child's execution."""

    async def execute() -> tuple[Any, Any]:
        sdk = OwnSdk()
        sdk.service = StepFunctionsService(Identity(), FakeLambda(), sdk)
        child_arn = await create_machine(sdk.service, child, kind="STANDARD", name="Child")
        parent = jsonata(
            "Start",
            Start={
                "Type": "Task",
                "Resource": f"arn:aws:states:::states:startExecution{pattern}",
                "Arguments": {"StateMachineArn": child_arn, "Input": {"n": 1}},
                "End": True,
                **fields,
            },
        )
        arn = await create_machine(sdk.service, parent, kind="STANDARD", name="Parent")
        execution = await (await sdk.service.start(arn)).wait()
        (nested,) = [each for each in sdk.service.executions() if each.revision.machine_arn == child_arn]
        await asyncio.sleep(2)
        await sdk.service.close()
        return execution, nested

    return run_virtual(execute())


_SLOW = jsonata(
    "Wait", Wait={"Type": "Wait", "Seconds": 100, "Next": "End"}, End={"Type": "Succeed", "Output": {"done": True}}
)
_FAILING = jsonata("Fail", Fail={"Type": "Fail", "Error": "Broken", "Cause": "no users"})


def test_task_gives_what_the_execution_gave_when_it_has_ended() -> None:
    execution, nested = run(_SLOW)

    assert execution.output["Output"] == {"done": True}
    assert execution.output["Input"] == {"n": 1}
    assert (execution.output["Status"], execution.output["ExecutionArn"]) == ("SUCCEEDED", nested.arn)
    assert execution.output["StopDate"] - execution.output["StartDate"] == 100_000
    assert event_types(execution)[2:6] == ["TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded"]


def test_task_gives_the_output_as_a_text_when_the_pattern_is_the_first_one() -> None:
    execution, _ = run(_SLOW, ".sync")

    assert json.loads(execution.output["Output"]) == {"done": True}


def test_task_fails_with_the_described_execution_as_its_cause_when_that_fails() -> None:
    execution, _ = run(_FAILING)

    cause = json.loads(execution.cause)
    assert (execution.status, execution.error) == ("FAILED", "States.TaskFailed")
    assert (cause["Status"], cause["Error"], cause["Cause"]) == ("FAILED", "Broken", "no users")


def test_execution_is_stopped_when_its_task_times_out() -> None:
    execution, nested = run(_SLOW, TimeoutSeconds=10)

    assert (execution.status, execution.error) == ("FAILED", "States.Timeout")
    assert nested.status == "ABORTED"
