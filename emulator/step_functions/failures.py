"""The ways in which a state fails, under the names that AWS gives them.

    StateFailedError           a state reports an error; Retry and Catch may take it
    EvaluationError      a field of a state cannot be computed; the interpreter says in which state

Source: https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
"""

ALL = "States.ALL"
DATA_LIMIT_EXCEEDED = "States.DataLimitExceeded"
HEARTBEAT_TIMEOUT = "States.HeartbeatTimeout"
INTRINSIC_FAILURE = "States.IntrinsicFailure"
NO_CHOICE_MATCHED = "States.NoChoiceMatched"
QUERY_EVALUATION_ERROR = "States.QueryEvaluationError"
RUNTIME = "States.Runtime"
TASK_FAILED = "States.TaskFailed"
TIMEOUT = "States.Timeout"


class StateFailedError(Exception):
    """A state's error name and cause; either may be absent, as a Fail state without them leaves them."""

    def __init__(self, error: str | None, cause: str | None = None) -> None:
        super().__init__(f"{error}: {cause}")
        self.error = error
        self.cause = cause

    def error_output(self) -> dict[str, str]:
        """What a catcher receives: always both members, as AWS gives an empty string for an absent cause."""
        return {"Error": self.error or "", "Cause": self.cause or ""}


class EvaluationError(Exception):
    """A field that cannot be computed; `detail` says which one and why, without naming the state."""

    def __init__(self, error: str, detail: str) -> None:
        super().__init__(f"{error}: {detail}")
        self.error = error
        self.detail = detail


def data_limit_exceeded(what: str) -> StateFailedError:
    """The failure of a state or task whose data pass the limit."""
    return StateFailedError(
        DATA_LIMIT_EXCEEDED,
        f"The state/task '{what}' returned a result with a size exceeding the maximum number of bytes service limit.",
    )
