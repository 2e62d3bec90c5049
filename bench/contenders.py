"""Who takes part, how each is started, and what its JSON says."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PYTHON = sys.executable
BATCHCTL = str(ROOT / ".venv" / "bin" / "batchctl")


class ContenderError(RuntimeError):
    """A contender failed or printed something else than its JSON; the message has its last lines."""


@dataclass(frozen=True)
class Contender:
    """A name for the table, and a command that takes --users, --partner-api-url and --database-url."""

    name: str
    title: str
    command: tuple[str, ...]
    users_max: int | None = None  # a slow one takes fewer users than the others; the table tells


@dataclass(frozen=True)
class Outcome:
    """What a contender said of itself; `started_at` is an epoch time, None where it does not say."""

    rows_written: int
    seconds: float
    started_at: float | None
    setup_seconds: float


CONTENDERS = (
    Contender("express_batch", "Express Batch", (BATCHCTL, "local", "run", "--json", "--no-archive")),
    Contender(
        "express_batch_silent",
        "Express Batch, no metrics or traces",
        (BATCHCTL, "local", "run", "--json", "--no-archive", "--no-tracing", "--parameter", "Metrics=Off"),
    ),
    Contender("bare_asyncio", "bare asyncio script", (PYTHON, "-m", "bench.bare_asyncio")),
    Contender("celery", "Celery, Redis, gevent", (PYTHON, "-m", "bench.celery_runner")),
    Contender(
        "lambda_per_user",
        "Express Batch, a Lambda a user",
        (BATCHCTL, "local", "run", "--json", "--no-archive", "--users-per-invocation", "1"),
        users_max=10_000,
    ),
)


def choose_contenders(names: str | None) -> list[Contender]:
    """Those of a comma-separated list, in the table's order; all of them without one. Raises ContenderError."""
    if names is None:
        return list(CONTENDERS)
    wanted = names.split(",")
    unknown = sorted(set(wanted) - {contender.name for contender in CONTENDERS})
    if unknown:
        known = ", ".join(contender.name for contender in CONTENDERS)
        raise ContenderError(f"--only: no contender is called {', '.join(unknown)}; there are: {known}")
    return [contender for contender in CONTENDERS if contender.name in wanted]


def read_outcome(name: str, text: str) -> Outcome:
    """The figures out of a contender's standard output, ours or the product's. Raises ContenderError."""
    try:
        document: Mapping[str, Any] = json.loads(text)
        seconds = document["seconds"]
        if isinstance(seconds, Mapping):  # batchctl tells set-up and run apart
            return Outcome(
                document["rows_written"], seconds["run"], document.get("started_at"), float(seconds["setup"])
            )
        return Outcome(document["rows_written"], float(seconds), document["started_at"], 0.0)
    except (ValueError, KeyError, TypeError) as error:
        raise ContenderError(f"{name} printed no result: {error!r} in {text[-500:]!r}") from error
