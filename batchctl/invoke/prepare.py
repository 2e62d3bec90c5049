"""What must have happened in a run before a function's turn comes."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

# Calls a function by its folder's name; what it returns is the function's answer.
Call = Callable[[str, Any], Awaitable[Any]]


async def prepare_run(function: str, event: Any, call: Call) -> None:
    """Take the event's run to where `function` comes in, by the functions before it.

    SyncUsers reads a chunk that ListUsers wrote; CloseRun counts what SyncUsers sent and the stream's mapping wrote.
    An event that names no run is left to the function itself, which says what is wrong with it.
    """
    if function not in ("sync_users", "close_run") or not isinstance(event, dict):
        return
    scheduled_time = _scheduled_time(event.get("run_id"))
    if scheduled_time is None:
        return
    await call("list_users", {"scheduled_time": scheduled_time, "execution": "batchctl invoke"})
    if function == "close_run":
        for chunk in _chunks(event):
            await call("sync_users", {"run_id": event["run_id"], "start": 0, **chunk})


def _scheduled_time(run_id: object) -> str | None:
    """The time that a run's id was made of."""
    try:
        moment = datetime.strptime(str(run_id), "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _chunks(event: dict[str, Any]) -> list[dict[str, int]]:
    """The event's chunks as slices' ends; none where they are not of ListUsers' shape."""
    try:
        return [{"chunk": int(chunk["chunk"]), "end": int(chunk["user_count"])} for chunk in event["chunks"]]
    except (KeyError, TypeError, ValueError):
        return []
