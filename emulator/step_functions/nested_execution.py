"""Waits for an execution that a Task has started: the patterns .sync and .sync:2 of states:startExecution.

Source: https://docs.aws.amazon.com/step-functions/latest/dg/connect-stepfunctions.html
"""

import asyncio
import contextlib
from typing import Any

from emulator.errors import AwsError
from emulator.step_functions.document import Document, encode_json, parse_json
from emulator.step_functions.failures import TASK_FAILED, StateFailedError, data_limit_exceeded
from emulator.step_functions.ports import SdkCaller
from emulator.step_functions.sdk_catalog import find_action
from emulator.step_functions.sdk_shapes import from_api

_FIRST_WAIT_SECONDS = 0.05
_LONGEST_WAIT_SECONDS = 1.0


async def wait_for_execution(sdk: SdkCaller, arn: str, pattern: str) -> Document:
    """What DescribeExecution says at its end; raises StateFailedError where it did not succeed.

    It is asked again and again, as Step Functions does where it gets no event. Left early, it stops the execution.
    """
    pause = _FIRST_WAIT_SECONDS
    try:
        while (answer := await sdk.call("stepfunctions", "DescribeExecution", {"executionArn": arn}))[
            "status"
        ] == "RUNNING":
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_WAIT_SECONDS)
    except AwsError as error:
        raise StateFailedError(TASK_FAILED, f"{arn} cannot be described: {error}") from error
    except asyncio.CancelledError:
        with contextlib.suppress(AwsError):
            await sdk.call("stepfunctions", "StopExecution", {"executionArn": arn})
        raise
    result = _describe(answer)
    if answer["status"] != "SUCCEEDED":
        raise StateFailedError(TASK_FAILED, encode_json(result))
    if pattern == ".sync:2":
        result["Output"] = parse_json(result["Output"])
        result["Input"] = parse_json(result["Input"])
    document = Document(result)
    if document.exceeds():
        raise data_limit_exceeded("states")
    return document


def _describe(answer: dict[str, Any]) -> dict[str, Any]:
    moments = {name: answer.get(name) for name in ("startDate", "stopDate")}
    described: dict[str, Any] = from_api(find_action("sfn", "describeExecution").model.output_shape, answer)
    for name, moment in moments.items():
        if moment is not None:
            described[name[0].upper() + name[1:]] = int(moment.timestamp() * 1000)
    return described
