"""batchctl as an operator runs it beside a stack that `batchctl local up` keeps."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from batchctl.local.keep_up import write_endpoints
from tests.local.background_stack import BackgroundStack

ROOT = Path(__file__).resolve().parents[2]


class Told(NamedTuple):
    """How a command ended: `answer` is its JSON, or its text."""

    status: int
    answer: Any
    errors: str


class OperatorCommand:
    """Runs in a directory of its own, which has the stack's addresses if there is a stack."""

    def __init__(self, directory: Path, stack: BackgroundStack | None = None) -> None:
        self._directory = directory
        if stack is not None:
            write_endpoints(directory / ".local" / "endpoints.json", stack.stack.endpoints())

    def __call__(self, *arguments: str) -> Told:
        done = subprocess.run(
            [sys.executable, "-m", "batchctl", *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=self._directory,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            timeout=120,
        )
        is_json = "--json" in arguments and done.stdout
        return Told(done.returncode, json.loads(done.stdout) if is_json else done.stdout, done.stderr)
