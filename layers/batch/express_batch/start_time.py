"""When the execution of a run began, as its state machine tells the functions."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from express_batch.errors import InvalidEventError

START_TIME = "execution_started_at"


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
        raise InvalidEventError(f"{START_TIME} is {text!r}: expected ISO 8601 with an offset") from error
