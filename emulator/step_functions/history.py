"""The events of one execution, as GetExecutionHistory gives them.

Source: https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html
"""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Final

from emulator.step_functions.clock import Clock, to_datetime
from emulator.step_functions.document import Document
from emulator.step_functions.failures import RUNTIME, StateFailedError

# Source: https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
STANDARD_EVENT_LIMIT: Final = 25_000
# Large data are rendered as text only when the history is read.
_DATA_MEMBERS: Final = ("input", "output", "parameters")


class ExecutionEvent:
    """One event. `details` hold Documents where the API has JSON text; `to_api` renders them."""

    __slots__ = ("details", "execution_arn", "id", "previous_id", "state_name", "timestamp", "type")

    def __init__(
        self,
        execution_arn: str,
        event_id: int,
        previous_id: int,
        event_type: str,
        timestamp: float,
        state_name: str | None,
        details: dict[str, Any] | None,
    ) -> None:
        self.execution_arn = execution_arn
        self.id = event_id
        self.previous_id = previous_id
        self.type = event_type
        self.timestamp = timestamp
        self.state_name = state_name
        self.details = details

    @property
    def output(self) -> Any:
        """The JSON value of the event's output, None where it has none."""
        document = (self.details or {}).get("output")
        return document.value if isinstance(document, Document) else document

    def to_api(self, *, include_data: bool = True) -> dict[str, Any]:
        """The event in botocore's shape."""
        event: dict[str, Any] = {
            "timestamp": to_datetime(self.timestamp),
            "type": self.type,
            "id": self.id,
            "previousEventId": self.previous_id,
        }
        if self.details is not None:
            event[_details_key(self.type)] = self.describe_details(include_data=include_data)
        return event

    def describe_details(self, *, include_data: bool, include_parameters: bool = True) -> dict[str, Any]:
        """The details in botocore's shape, without the data that pass between states where these are not wanted."""
        rendered = _render(self.details or {}, include_data=include_data)
        if not include_parameters:
            rendered.pop("parameters", None)
        return rendered


def _render(details: dict[str, Any], *, include_data: bool) -> dict[str, Any]:
    rendered: dict[str, Any] = {}
    for name, value in details.items():
        if name not in _DATA_MEMBERS and name != "assignedVariables":
            if value is not None:
                rendered[name] = value
            continue
        if not include_data and name != "parameters":
            continue
        rendered[name] = value.text if isinstance(value, Document) else value
        if name != "parameters":
            rendered[f"{name}Details"] = {"truncated": False}
    return rendered


def _details_key(event_type: str) -> str:
    if event_type.endswith("StateEntered"):
        return "stateEnteredEventDetails"
    if event_type.endswith("StateExited"):
        return "stateExitedEventDetails"
    return f"{event_type[0].lower()}{event_type[1:]}EventDetails"


Listener = Callable[[ExecutionEvent], None]


class History:
    """The events of one execution in their order; the oldest are dropped beyond `kept_events`."""

    def __init__(
        self,
        execution_arn: str,
        clock: Clock,
        listeners: list[Listener],
        *,
        kept_events: int,
        event_limit: int | None = None,
        log: Listener | None = None,
    ) -> None:
        self._execution_arn = execution_arn
        self._now = clock.now
        self._listeners = listeners
        self._log = log
        self._events: deque[ExecutionEvent] = deque(maxlen=kept_events)
        self._event_limit = event_limit
        self.count = 0

    def __iter__(self) -> Iterator[ExecutionEvent]:
        return iter(self._events)

    @property
    def dropped(self) -> int:
        """Number of events that were dropped to save memory."""
        return self.count - len(self._events)

    def add(
        self, event_type: str, previous_id: int, state_name: str | None = None, details: dict[str, Any] | None = None
    ) -> int:
        """Records an event and gives its id; raises StateFailedError where a STANDARD execution has too many."""
        if self._event_limit is not None and self.count >= self._event_limit - 1:
            raise StateFailedError(
                RUNTIME, f"The execution reached the maximum number of history events ({self._event_limit})."
            )
        return self._record(event_type, previous_id, state_name, details)

    def add_last(self, event_type: str, previous_id: int, details: dict[str, Any] | None) -> int:
        """Records how the execution ended, for which there is always room."""
        return self._record(event_type, previous_id, None, details)

    def _record(self, event_type: str, previous_id: int, state_name: str | None, details: dict[str, Any] | None) -> int:
        self.count += 1
        event = ExecutionEvent(
            self._execution_arn, self.count, previous_id, event_type, self._now(), state_name, details
        )
        self._events.append(event)
        for listener in self._listeners:
            listener(event)
        if self._log is not None:
            self._log(event)
        return self.count
