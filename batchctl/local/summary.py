"""What a run came to: the JSON object and the table."""

from dataclasses import dataclass
from typing import Any

from rich.table import Table
from rich.text import Text

from emulator.partner_api.call_rate import CallRate


@dataclass(frozen=True)
class RunSummary:
    """The result of `batchctl local run`."""

    run_id: str
    status: str  # COMPLETE, PARTIAL, INCOMPLETE or FAILED
    users_listed: int
    users_failed: int
    rows_written: int
    users_missing: int
    seconds_setup: float
    seconds_run: float
    lambda_invocations: int
    cold_starts: int
    peak_memory_mb: float
    stream_records: int
    database_connections_max: int
    failed_by_reason: dict[str, int]
    call_rate: CallRate | None  # None where the caller brought an API

    @property
    def users_per_second(self) -> float:
        """Users accounted for in a second of the run."""
        return (self.rows_written + self.users_failed) / self.seconds_run if self.seconds_run else 0.0

    def to_json(self) -> dict[str, Any]:
        """The object that --json prints; docs/reference/local-run.md says what each member is."""
        return {
            "run_id": self.run_id,
            "status": self.status,
            "users_listed": self.users_listed,
            "users_failed": self.users_failed,
            "rows_written": self.rows_written,
            "users_missing": self.users_missing,
            "seconds": {"setup": round(self.seconds_setup, 2), "run": round(self.seconds_run, 2)},
            "users_per_second": round(self.users_per_second, 1),
            "lambda_invocations": self.lambda_invocations,
            "cold_starts": self.cold_starts,
            "peak_memory_mb": round(self.peak_memory_mb, 1),
            "stream_records": self.stream_records,
            "database_connections_max": self.database_connections_max,
            "partner_calls_per_second": _rate_to_json(self.call_rate) if self.call_rate else None,
        }

    def to_table(self) -> Table:
        """The same for a person."""
        style = {"COMPLETE": "bold green", "PARTIAL": "bold yellow"}.get(self.status, "bold red")
        table = Table(title=f"run {self.run_id}", show_header=False, title_justify="left")
        table.add_column(style="dim")
        table.add_column(justify="right")
        table.add_row("status", Text(self.status, style))
        table.add_row("users listed", f"{self.users_listed:,}")
        table.add_row("rows written", f"{self.rows_written:,}")
        table.add_row("users failed", f"{self.users_failed:,}")
        for reason, count in self.failed_by_reason.items():
            table.add_row(f"  {reason}", f"{count:,}")
        table.add_row("users missing", f"{self.users_missing:,}")
        table.add_row("run", f"{self.seconds_run:.2f} s")
        table.add_row("users a second", f"{self.users_per_second:,.0f}")
        table.add_row("Lambda invocations", f"{self.lambda_invocations:,} ({self.cold_starts} cold starts)")
        table.add_row("stream records", f"{self.stream_records:,}")
        table.add_row("database connections", f"{self.database_connections_max}")
        if self.call_rate is not None:
            table.add_row("API calls a second", _rate_to_text(self.call_rate))
        table.add_row("peak memory, all processes", f"{self.peak_memory_mb:,.0f} MB")
        return table


def _rate_to_json(rate: CallRate) -> dict[str, Any]:
    mean = None if rate.mean is None else round(rate.mean, 1)
    return {"max": rate.busiest, "min": rate.quietest, "mean": mean}


def _rate_to_text(rate: CallRate) -> str:
    if rate.mean is None:
        return f"{rate.busiest:,} at most"
    return f"{rate.quietest:,} to {rate.busiest:,} (mean {rate.mean:,.0f})"
