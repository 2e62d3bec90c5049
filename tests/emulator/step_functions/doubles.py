"""Fakes of the ports, and the shortest way to run a definition."""

import asyncio
import inspect
import json
import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from emulator.errors import AwsError
from emulator.identity import Identity
from emulator.step_functions import Execution, InvokeResult, StepFunctionsService
from emulator.step_functions.clock import LoopClock
from tests.fakes.virtual_time import run_virtual

ROLE_ARN = "arn:aws:iam::123456789012:role/states"
EPOCH_SECONDS = 1_800_000_000.0


class FunctionError(Exception):
    """What a fake function raises to answer as a Lambda function does that raised `error_type`."""

    def __init__(self, error_type: str | None, message: str = "no") -> None:
        super().__init__(message)
        self.error_type = error_type


@dataclass
class Invocation:
    """One call of a fake function."""

    function: str
    payload: Any
    trace_header: str | None
    at: float


@dataclass
class FakeLambda:
    """Runs Python functions by name; remembers the calls and how many were in flight at once."""

    functions: dict[str, Callable[[Any], Any]] = field(default_factory=dict)
    calls: list[Invocation] = field(default_factory=list)
    in_flight: int = 0
    most_in_flight: int = 0
    finished: int = 0

    async def invoke(self, function_name_or_arn: str, payload: bytes, *, trace_header: str | None) -> InvokeResult:
        """The function's answer; AwsError where there is none of that name."""
        name = function_name_or_arn.rsplit(":function:", maxsplit=1)[-1]
        value = json.loads(payload)
        self.calls.append(Invocation(function_name_or_arn, value, trace_header, asyncio.get_running_loop().time()))
        if name not in self.functions:
            raise AwsError("ResourceNotFoundException", f"Function not found: {name}", 404)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            result = self.functions[name](value)
            if inspect.isawaitable(result):
                result = await result
        except FunctionError as error:
            answer = {"errorMessage": str(error)}
            if error.error_type is not None:
                answer["errorType"] = error.error_type
            return InvokeResult(json.dumps(answer).encode(), "Unhandled", "$LATEST", 200, "request-1")
        finally:
            self.in_flight -= 1
            self.finished += 1
        return InvokeResult(json.dumps(result).encode(), None, "$LATEST", 200, "request-1")


@dataclass
class FakeSdk:
    """Answers API calls from a table of functions by (service, operation)."""

    operations: dict[tuple[str, str], Callable[[dict[str, Any]], Any]] = field(default_factory=dict)
    calls: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)

    async def call(self, service: str, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """The table's answer."""
        self.calls.append((service, operation, parameters))
        result = self.operations[service, operation](parameters)
        answer: dict[str, Any] = await result if inspect.isawaitable(result) else result
        return answer


def make_service(
    functions: FakeLambda | None = None, sdk: FakeSdk | None = None, **options: Any
) -> StepFunctionsService:
    """A service whose clock is the loop's and whose chance is repeatable."""
    return StepFunctionsService(
        Identity(),
        functions or FakeLambda(),
        sdk or FakeSdk(),
        **{"clock": LoopClock(EPOCH_SECONDS), "chance": random.Random(1), **options},
    )


async def create_machine(
    service: StepFunctionsService,
    definition: dict[str, Any],
    *,
    kind: str = "EXPRESS",
    name: str = "Machine",
    **fields: Any,
) -> str:
    """The ARN of a new state machine."""
    answer = await service.call(
        "CreateStateMachine",
        {"name": name, "definition": json.dumps(definition), "roleArn": ROLE_ARN, "type": kind, **fields},
    )
    return str(answer["stateMachineArn"])


async def execute(
    definition: dict[str, Any],
    data: Any = None,
    *,
    functions: FakeLambda | None = None,
    sdk: FakeSdk | None = None,
    kind: str = "EXPRESS",
) -> Execution:
    """The ended execution of a definition."""
    service = make_service(functions, sdk)
    arn = await create_machine(service, definition, kind=kind)
    execution = await (await service.start(arn, data)).wait()
    await service.close()
    return execution


def run_machine(
    definition: dict[str, Any],
    data: Any = None,
    *,
    functions: dict[str, Callable[[Any], Any]] | FakeLambda | None = None,
    sdk: FakeSdk | None = None,
    kind: str = "EXPRESS",
) -> Execution:
    """The ended execution of a definition, run in virtual time."""
    fake = FakeLambda(functions) if isinstance(functions, dict) else functions
    return run_virtual(execute(definition, data, functions=fake, sdk=sdk, kind=kind))


def sleeping(seconds: float, result: Any = None) -> Callable[[Any], Coroutine[Any, Any, Any]]:
    """A function that answers `result` after `seconds`."""

    async def function(_payload: Any) -> Any:
        await asyncio.sleep(seconds)
        return result

    return function


def jsonata(start: str, **states: dict[str, Any]) -> dict[str, Any]:
    """A JSONata definition."""
    return {"QueryLanguage": "JSONata", "StartAt": start, "States": states}


def jsonpath(start: str, **states: dict[str, Any]) -> dict[str, Any]:
    """A JSONPath definition."""
    return {"StartAt": start, "States": states}


def invoke(function: str, payload: Any = "{% $states.input %}", **fields: Any) -> dict[str, Any]:
    """A JSONata Task that invokes a function; it ends its branch unless Next is given."""
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": {"FunctionName": function, "Payload": payload},
        "Output": "{% $states.result.Payload %}",
        **fields,
    }
    return state if "Next" in state else {**state, "End": True}


def event_types(execution: Execution) -> list[str]:
    """The types of the execution's events in their order."""
    return [event.type for event in execution.history]
