"""How long a Wait state waits.

Source: https://docs.aws.amazon.com/step-functions/latest/dg/state-wait.html
"""

from emulator.step_functions.failures import QUERY_EVALUATION_ERROR, RUNTIME, EvaluationError
from emulator.step_functions.model import WaitState
from emulator.step_functions.scope import Scope
from emulator.step_functions.timestamps import parse_timestamp

_MAX_SECONDS = 99_999_999


def seconds_to_wait(state: WaitState, scope: Scope, now: float) -> float:
    """Seconds from `now`, 0 where the time has passed; raises EvaluationError."""
    if state.seconds is not None:
        seconds = float(state.seconds(scope))
    else:
        assert state.timestamp is not None
        text = state.timestamp(scope)
        moment = parse_timestamp(text) if isinstance(text, str) else None
        if moment is None:
            raise EvaluationError(
                QUERY_EVALUATION_ERROR if state.is_jsonata else RUNTIME,
                f"The {state.timestamp_field} parameter does not reference a valid ISO-8601 extended offset "
                f"date-time format string: {text}",
            )
        seconds = max(0.0, moment.timestamp() - now)
    if seconds > _MAX_SECONDS:
        raise EvaluationError(RUNTIME, "Wait state delay is too long.")
    return seconds
