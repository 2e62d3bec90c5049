"""When the execution of a run began, as its state machine tells the functions."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from express_batch.errors import InvalidEventError

START_TIME = "execution_started_at"
DEADLINE = "deadline"
MAX_MILLISECONDS = 10**14  # the year 5138; a larger whole number would not fit a float


def read_start_time(event: Mapping[str, Any]) -> float | None:
    """Seconds since 1970 out of `execution_started_at`, ISO 8601 with an offset. Raises InvalidEventError.

    None where it is absent: while a release is shifted, the state machine before it calls the new functions.
    """
    text = event.get(START_TIME)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise ValueError("no offset")
        return moment.timestamp()
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidEventError(f"{START_TIME} is {repr(text)[:60]}: expected ISO 8601 with an offset") from error


def read_deadline(event: Mapping[str, Any]) -> float | None:
    """Seconds since 1970 out of `deadline`, milliseconds as JSONata has them. Raises InvalidEventError.

    From then on the run's time belongs to CloseRun. None where it is absent.
    """
    deadline = event.get(DEADLINE)
    if deadline is None:
        return None
    if not isinstance(deadline, (int, float)) or isinstance(deadline, bool):
        raise InvalidEventError(f"{DEADLINE} is a {type(deadline).__name__}: expected milliseconds since 1970")
    if not 0 <= deadline <= MAX_MILLISECONDS:
        raise InvalidEventError(f"{DEADLINE} is not from 0 to {MAX_MILLISECONDS}: expected milliseconds since 1970")
    return deadline / 1000
