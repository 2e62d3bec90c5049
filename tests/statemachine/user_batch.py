"""statemachines/user_batch.asl.json as it stands, run by the interpreter with fake functions in virtual time."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emulator.step_functions import Execution
from tests.emulator.step_functions.doubles import FakeLambda, FakeSdk, run_machine

DEFINITION = Path(__file__).resolve().parents[2] / "statemachines" / "user_batch.asl.json"
RUN_ID = "20261122T083000Z"
SCHEDULED = {"scheduled_time": "2026-11-22T08:30:00Z"}
LIMITS = {"CallsPerSecond": 500, "PartnerCallsInFlight": 800}
LEASE = {"lane": "lane0", "start": 1_795_000_000_000_000, "gap": 8591, "calls": 10}  # of a slice that has to wait


def read_definition(**substitutions: str | int) -> dict[str, Any]:
    """The definition with its substitutions; those not given have a test's value."""
    values: dict[str, Any] = {
        "ListUsersFunctionArn": "ListUsers",
        "SyncUsersFunctionArn": "SyncUsers",
        "CloseRunFunctionArn": "CloseRun",
        "RunBucketName": "bucket",
        "UsersPerInvocation": 10,
        "ChunkConcurrency": 2,
        "SliceConcurrency": 3,
        "SyncUsersTimeoutSeconds": 60,
        "CloseRunWaitSeconds": 30,
        "CircuitBreaker": "ENABLED",
        "CallsPerSecond": 0,
        "PartnerCallsInFlight": 0,
        "PartnerName": "loyalty",
        "PartnerLimitTableName": "limits",
    } | substitutions
    text = re.sub(r"\$\{(\w+)\}", lambda match: str(values[match[1]]), DEFINITION.read_text(encoding="utf-8"))
    definition: dict[str, Any] = json.loads(text)
    return definition


@dataclass
class Batch:
    """A fake of everything around the state machine: two chunks of 25 and 15 users, every slice succeeds."""

    chunk_sizes: tuple[int, ...] = (25, 15)
    functions: dict[str, Callable[[Any], Any]] = field(default_factory=dict)
    closing: dict[str, Any] = field(default_factory=lambda: {"status": "COMPLETE", "users_missing": 0})
    put_object: Callable[[dict[str, Any]], Any] = field(default=lambda _: {})

    def __post_init__(self) -> None:
        self.lambdas = FakeLambda(
            {"ListUsers": self.list_users, "SyncUsers": sync, "CloseRun": self.close_run} | self.functions
        )
        self.sdk = FakeSdk({("s3", "PutObject"): self.put_object})

    def run(self, data: Any = None, **substitutions: str | int) -> Execution:
        """The ended execution."""
        definition = read_definition(**substitutions)
        return run_machine(definition, SCHEDULED if data is None else data, functions=self.lambdas, sdk=self.sdk)

    def list_users(self, _event: Any) -> dict[str, Any]:
        """What ListUsers answers."""
        chunks = [{"chunk": number, "user_count": size} for number, size in enumerate(self.chunk_sizes)]
        return {"run_id": RUN_ID, "started": True, "users_listed": sum(self.chunk_sizes), "chunks": chunks}

    def close_run(self, event: Any) -> dict[str, Any]:
        """What CloseRun answers."""
        return {"run_id": event["run_id"], "users_listed": event["users_listed"], **self.closing}

    def events_of(self, function: str) -> list[Any]:
        """The events that a function was called with, retries included."""
        return [call.payload for call in self.lambdas.calls if call.function == function]


def sync(event: dict[str, Any]) -> dict[str, int]:
    """What SyncUsers answers when all goes well."""
    return {"synced": event["end"] - event["start"], "failed": 0}
