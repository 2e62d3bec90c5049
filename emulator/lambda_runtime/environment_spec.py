"""What every environment of one function version has in common."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from emulator.lambda_runtime.logs import FunctionLog


@dataclass(frozen=True, slots=True)
class EnvironmentSpec:
    """A function version as its environments see it."""

    function_name: str
    version: str
    function_arn: str
    runtime: str
    handler: str
    timeout_seconds: int
    memory_mb: int
    task_root: Path
    path: Sequence[Path]  # sys.path before the runtime directory
    variables: Mapping[str, str]  # without those of the single environment
    log: FunctionLog
    json_logs: bool
