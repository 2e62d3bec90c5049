"""One invocation on a local stack of its own."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from batchctl.errors import BatchctlError
from batchctl.invoke.functions import list_functions
from batchctl.invoke.prepare import prepare_run
from batchctl.local.local_stack import LocalStack, local_stack
from batchctl.local.options import LocalOptions


@dataclass(frozen=True)
class Answer:
    """What the function answered, and what it and its runtime logged."""

    payload: Any
    is_error: bool
    logs: list[str]


async def invoke_once(function: str, event: Any, options: LocalOptions, tell: Callable[[str], None]) -> Answer:
    """Start a stack, prepare the run, invoke, tear down. Raises BatchctlError when the preparation fails."""
    async with local_stack(options, tell) as stack:
        tell(f"invoking {function}")
        return await invoke_prepared(stack, function, event)


async def invoke_prepared(stack: LocalStack, function: str, event: Any) -> Answer:
    """The same on a stack that runs."""

    async def prepare(name: str, prepared_event: Any) -> Any:
        answer = await _invoke(stack, name, prepared_event)
        if answer.is_error:
            raise BatchctlError(f"cannot invoke {function}: before it, {name} failed with {describe_error(answer)}")
        return answer.payload

    await prepare_run(function, event, prepare)
    return await _invoke(stack, function, event)


def describe_error(answer: Answer) -> str:
    """`errorType: errorMessage` of an answer that is an error."""
    payload = answer.payload if isinstance(answer.payload, dict) else {}
    return f"{payload.get('errorType', 'Error')}: {payload.get('errorMessage', answer.payload)}"


async def _invoke(stack: LocalStack, function: str, event: Any) -> Answer:
    logical_id = list_functions(stack.options.template)[function]
    name = stack.stack.resources[logical_id].physical_id
    functions = stack.emulator.functions
    earlier = len(functions.log_of(name).events)
    result = await functions.invoke(name, json.dumps(event).encode())
    lines = functions.log_of(name).messages()[earlier:]
    return Answer(json.loads(result.payload), result.function_error is not None, lines)
