"""What one asks of a local stack, checked before anything starts."""

from dataclasses import dataclass, field
from pathlib import Path

from batchctl.database_url import DatabaseUrl
from batchctl.errors import UsageError
from batchctl.project_tree import TEMPLATE

# SyncUsers environments at once. On two cores a handful keeps both busy with slices of a hundred users; with few users
# an invocation, or under a rate, the environments wait more than they work, so more of them are needed.
# (chunks at once, slices at once in each). A slice's time is mostly its calls' where it has few users.
WAITING_CONCURRENCY = (2, 15)
WORKING_CONCURRENCY = (3, 2)
FEW_USERS = 20


@dataclass(frozen=True)
class LocalOptions:
    """Options of `batchctl local run` and `batchctl local up`."""

    users: int = 10_000
    tenant_group: str = "example"
    users_per_invocation: int | None = None  # None: the template's own
    api_latency_ms: float = 100.0
    api_error_rate: float = 0.0
    api_throttle_rate: float = 0.0
    api_malformed_rate: float = 0.0
    seed: int = 1
    partner_api_url: str | None = None
    database_url: DatabaseUrl | None = None
    template: Path = TEMPLATE
    parameters: dict[str, str] = field(default_factory=dict)
    tracing: bool = True
    migrates: bool = False  # the stack has MigrateSchema too

    def __post_init__(self) -> None:
        _check_range("--users", self.users, 1, 1_000_000)
        _check_range("--api-latency-ms", self.api_latency_ms, 0, 600_000)
        for name in ("api_error_rate", "api_throttle_rate", "api_malformed_rate"):
            _check_range(f"--{name.replace('_', '-')}", getattr(self, name), 0, 1)
        if self.api_error_rate + self.api_throttle_rate + self.api_malformed_rate > 1:
            raise UsageError("--api-error-rate, --api-throttle-rate and --api-malformed-rate together exceed 1")
        if self.users_per_invocation is not None:
            _check_range("--users-per-invocation", self.users_per_invocation, 1, 1000)
        if not self.template.is_file():
            raise UsageError(f"--template: {self.template} is no file")

    @property
    def expects_failures(self) -> bool:
        """Whether a run that ends PARTIAL is what was asked for."""
        return self.partner_api_url is not None or any(
            (self.api_error_rate, self.api_throttle_rate, self.api_malformed_rate)
        )


def _check_range(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise UsageError(f"{name} is {value:g}: expected {low:,} to {high:,}")


def parse_parameters(pairs: list[str]) -> dict[str, str]:
    """{name: value} out of NAME=VALUE texts. Raises UsageError."""
    parameters = {}
    for pair in pairs:
        name, separator, value = pair.partition("=")
        if not separator or not name:
            raise UsageError(f"--parameter {pair!r}: expected NAME=VALUE, such as ChunkSize=500")
        parameters[name] = value
    return parameters
