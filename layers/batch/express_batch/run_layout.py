"""Where everything of a run lies in the run bucket: runs/<run_id>/{started,listing,closed}.json, chunks/, failures/.

control/ holds what is of no single run: the kill switch, which run's turn it is, and whether the partner is down.
"""

import datetime
import hashlib
import re

from express_batch.errors import InvalidEventError

# `-r2`: the second redrive of the run before it. It sorts behind its run and before the next one's.
_RUN_ID = re.compile(r"([0-9]{8}T[0-9]{6}Z)(-r[1-9][0-9]{0,2})?")
MAX_REDRIVES = 999
_MOMENT = "%Y%m%dT%H%M%SZ"
# While it exists, no call begins (stop_switch.py).
STOP_KEY = "control/stop.json"
# The run that goes (turn.py).
TURN_KEY = "control/turn.json"
# Whether the partner is down (circuit_board.py).
CIRCUIT_KEY = "control/circuit.json"
_DRY_RUN_ID = re.compile(r"dry-[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}")


def make_run_id(scheduled_time: str) -> str:
    """`20261122T083000Z` for an ISO 8601 time with an offset. Raises InvalidEventError.

    The scheduled time, not the start: an execution that the engine starts twice, which Express workflows
    allow, gets the same run id both times.
    """
    try:
        moment = datetime.datetime.fromisoformat(scheduled_time)
        if moment.tzinfo is None:
            raise ValueError("no offset")
        return check_run_id(moment.astimezone(datetime.UTC).strftime(_MOMENT))
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidEventError(
            f"scheduled_time is {repr(scheduled_time)[:60]}: "
            "expected ISO 8601 with an offset, such as 2026-11-22T08:30:00Z"
        ) from error


def make_dry_run_id(started_at: str, execution: str) -> str:
    """`dry-20261122T083000Z-1a2b3c4d`: a scheduled run never has it, and two executions of one second differ.

    Whatever takes a run id for writing refuses it (`check_run_id`), so a dry run cannot reach stream or ledger.
    """
    digest = hashlib.sha256(execution.encode()).hexdigest()
    return f"dry-{make_run_id(started_at)}-{digest[:8]}"


def make_redrive_id(original: str, number: int) -> str:
    """`20261122T083000Z-r1` for the first redrive of a run. Raises InvalidEventError beyond the last number."""
    return check_run_id(f"{original}-r{number}")


def original_of(run_id: str) -> str:
    """The run that a redrive belongs to; a run that is none belongs to itself."""
    return run_id.partition("-r")[0]


def redrive_of(run_id: str) -> str | None:
    """The run that this one runs again, or None where it is a run of its own."""
    original = original_of(run_id)
    return None if original == run_id else original


def scheduled_moment(run_id: str) -> datetime.datetime:
    """The scheduled time that the run, or the one it runs again, was named for."""
    return datetime.datetime.strptime(original_of(run_id), _MOMENT).replace(tzinfo=datetime.UTC)


def is_dry_run(run_id: str) -> bool:
    """Whether the run calls for its users and writes nothing."""
    return _DRY_RUN_ID.fullmatch(run_id) is not None


def check_any_run_id(run_id: object) -> str:
    """`run_id` itself, also that of a dry run. Raises InvalidEventError."""
    if isinstance(run_id, str) and is_dry_run(run_id) and _is_moment(run_id.removeprefix("dry-")[:16]):
        return run_id
    return check_run_id(run_id)


def check_run_id(run_id: object) -> str:
    """`run_id` itself. Raises InvalidEventError when it is none: it becomes part of a key."""
    if isinstance(run_id, str) and _RUN_ID.fullmatch(run_id) and _is_moment(original_of(run_id)):
        return run_id
    shown = repr(run_id[:40]) if isinstance(run_id, str) else f"a {type(run_id).__name__}"
    raise InvalidEventError(
        f"run_id is {shown}: expected the form 20261122T083000Z, or 20261122T083000Z-r1 for a redrive"
    )


def _is_moment(text: str) -> bool:
    """Whether there is such a time, and none of the first centuries: days are taken off it."""
    try:
        return datetime.datetime.strptime(text, _MOMENT).year >= 1900
    except ValueError:
        return False


def started_key(run_id: str) -> str:
    """The object whose conditional write decides which execution owns the run."""
    return f"runs/{run_id}/started.json"


def listing_key(run_id: str) -> str:
    """What ListUsers answered, once every chunk is there; a claim without it may be a dead execution's."""
    return f"runs/{run_id}/listing.json"


def closed_key(run_id: str) -> str:
    """How the run ended, for whoever reports on it and does not reach the database."""
    return f"runs/{run_id}/closed.json"


def chunk_key(run_id: str, chunk: int) -> str:
    """The users of one chunk. New in each run, so no environment can hold a stale list."""
    return f"runs/{run_id}/chunks/{chunk:05d}.json"


def failures_prefix(run_id: str) -> str:
    """Where every failure record of the run lies; the state machine writes there too (RecordSliceFailure)."""
    return f"runs/{run_id}/failures/"


def rejected_key(shard_id: str, sequence_number: str) -> str:
    """A stream record that could not be read: it names no run that could be trusted."""
    return f"rejected/{shard_id}/{sequence_number}.json"
