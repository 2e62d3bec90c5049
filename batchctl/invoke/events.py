"""Events: the sample of each function in events/, or a file of the caller's."""

import json
from pathlib import Path
from typing import Any

from batchctl.errors import UsageError
from batchctl.project_tree import PROJECT_ROOT

EVENTS = PROJECT_ROOT / "events"


def find_sample(function: str, folder: Path = EVENTS) -> Path:
    """events/NN-<function>.json. Raises UsageError when there is none."""
    found = sorted(folder.glob(f"[0-9][0-9]-{function}.json"))
    if not found:
        raise UsageError(f"{folder.name}/ has no sample event NN-{function}.json: give one with --event")
    return found[0]


def read_event(path: Path) -> Any:
    """The event in the file. Raises UsageError that names the file and, for bad JSON, the place."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"--event {path}: {error.strerror}; the samples are in {EVENTS.name}/") from error
    except json.JSONDecodeError as error:
        raise UsageError(
            f"--event {path}: no JSON at line {error.lineno}, column {error.colno}: {error.msg}"
        ) from error
    except UnicodeDecodeError as error:
        raise UsageError(f"--event {path}: no UTF-8 text at byte {error.start}") from error
