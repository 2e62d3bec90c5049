"""What a state machine with a LoggingConfiguration writes to its log group.

Source: https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html
"""

import time
import zlib
from typing import Any, Final

from emulator.step_functions.document import encode_json
from emulator.step_functions.history import ExecutionEvent, Listener
from emulator.step_functions.machines import Revision
from emulator.step_functions.ports import EventLog

_FATAL: Final = frozenset({"ExecutionAborted", "ExecutionFailed", "ExecutionTimedOut"})
# Source: https://docs.aws.amazon.com/step-functions/latest/dg/cloudwatch-log-level.html
_ERROR: Final = _FATAL | {
    "EvaluationFailed",
    "FailStateEntered",
    "LambdaFunctionFailed",
    "LambdaFunctionScheduleFailed",
    "LambdaFunctionStartFailed",
    "LambdaFunctionTimedOut",
    "MapIterationAborted",
    "MapIterationFailed",
    "MapStateAborted",
    "MapStateFailed",
    "ParallelStateAborted",
    "ParallelStateFailed",
    "TaskFailed",
    "TaskStartFailed",
    "TaskStateAborted",
    "TaskSubmitFailed",
    "TaskTimedOut",
    "WaitStateAborted",
}
_LEVELS: Final[dict[str, frozenset[str] | None]] = {"ALL": None, "ERROR": _ERROR, "FATAL": _FATAL}


def make_execution_log(revision: Revision, log: EventLog | None, started: float) -> Listener | None:
    """A listener that writes the events of one execution, None where nothing is to be written."""
    level = revision.logging.get("level", "OFF")
    destinations = revision.logging.get("destinations", [])
    if log is None or level not in _LEVELS or not destinations:
        return None
    group = destinations[0]["cloudWatchLogsLogGroup"]["logGroupArn"].split(":")[6]
    minute = time.strftime("%Y-%m-%d-%H-%M", time.gmtime(started))
    stream = f"states/{revision.name}/{minute}/{zlib.crc32(revision.machine_arn.encode()):08x}"
    include_data = bool(revision.logging.get("includeExecutionData", False))
    logged = _LEVELS[level]

    def write(event: ExecutionEvent) -> None:
        if logged is None or event.type in logged:
            log.write(group, stream, encode_json(_describe(event, include_data=include_data)), event.timestamp)

    return write


def _describe(event: ExecutionEvent, *, include_data: bool) -> dict[str, Any]:
    return {
        "id": str(event.id),
        "type": event.type,
        "details": event.describe_details(include_data=include_data, include_parameters=include_data),
        "previous_event_id": str(event.previous_id),
        "event_timestamp": str(int(event.timestamp * 1000)),
        "execution_arn": event.execution_arn,
        "redrive_count": "0",
    }
