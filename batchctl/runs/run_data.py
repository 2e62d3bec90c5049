"""Everything that is known of one run, as plain values: what report, why and runs are made of.

Times are seconds since 1970, durations seconds. docs/reference/observability.md says where each value comes from.
"""

from dataclasses import dataclass, field

# Runs that listed nobody: an earlier one still went, the writer was behind, or an operator had stopped the calls.
NOT_STARTED = ("SKIPPED", "STOPPED")
# Everybody that was listed is written or failed with a reason.
ACCOUNTED_FOR = ("COMPLETE", "PARTIAL", *NOT_STARTED)


@dataclass(frozen=True)
class RunHead:
    """The account of a run: users_listed = rows_written + users_failed + users_missing."""

    run_id: str
    tenant_group: str
    # RUNNING, COMPLETE, PARTIAL, INCOMPLETE, FAILED (ended before it was closed); SKIPPED or STOPPED (did not start)
    status: str
    started_at: float  # of the execution
    closed_at: float | None
    users_listed: int
    rows_written: int
    users_failed: int
    users_missing: int
    failed_by_reason: dict[str, int]
    cost_usd: float | None = None
    redrive_of: str | None = None
    waited_seconds: float | None = None  # CloseRun, for the writer
    p95_ms: float | None = None  # of the partner API's answers
    not_started_because: str | None = None  # of a run that is SKIPPED or STOPPED

    @property
    def seconds(self) -> float | None:
        """From the execution's start until the run was closed."""
        return None if self.closed_at is None else self.closed_at - self.started_at


@dataclass(frozen=True)
class Caps:
    """The template's parameters that bound a run."""

    chunk_concurrency: int
    slice_concurrency: int
    users_per_invocation: int
    calls_in_flight: int
    sync_users_timeout_seconds: float
    close_run_wait_seconds: float
    write_concurrency: int  # shards times parallelization factor: the most connections of the writer
    partner_api_timeout_seconds: float = 5.0
    sync_users_reserved_concurrency: int = 0  # 0: none is reserved


@dataclass(frozen=True)
class SliceActivity:
    """One SyncUsers invocation; several of the same place are attempts at one slice."""

    request_id: str
    chunk: int
    start: int
    end: int  # exclusive
    started_at: float
    ended_at: float
    synced: int
    failed: int
    failed_by_reason: dict[str, int]
    sample_users: dict[str, list[str]]
    calls: int
    retries: int
    throttled: int
    api_errors: dict[str, int]
    latency: dict[int, int]  # histogram of milliseconds, by bucket
    read_seconds: float
    call_seconds: float
    send_seconds: float
    records: int
    record_bytes: int
    cold_start: bool


@dataclass(frozen=True)
class WriteActivity:
    """What one WriteRows invocation wrote of this run."""

    request_id: str
    started_at: float
    ended_at: float
    chunks: list[int]
    records: int
    rows: int
    refused: int
    batch_rows: int
    iterator_age_seconds: float
    borrow_seconds: float
    write_seconds: float


@dataclass(frozen=True)
class InvocationReport:
    """Lambda's own REPORT of an invocation, and how it ended."""

    function: str  # ListUsers, SyncUsers, WriteRows, CloseRun
    request_id: str
    ended_at: float
    duration_ms: float
    billed_ms: float
    memory_mb: int
    max_memory_mb: int
    init_ms: float | None
    error_type: str | None  # Sandbox.Timedout, Runtime.ExitError or the exception's class
    error_message: str | None
    trace_id: str | None = None
    log_stream: str | None = None


@dataclass(frozen=True)
class StateActivity:
    """A state of UserBatch over the whole run."""

    name: str
    entered: int
    failed: int
    retried: int
    first_at: float | None
    last_at: float | None
    busy_seconds: float  # summed over all that ran side by side


@dataclass(frozen=True)
class FailureGroup:
    """Users that failed for one reason in one function."""

    reason: str
    function: str
    count: int
    sample_users: list[str]
    detail: str  # of one of them
    redrive_command: str


@dataclass(frozen=True)
class SliceFailure:
    """A slice that failed for good: no attempt of its invocation came to an end."""

    chunk: int
    start: int
    end: int  # exclusive
    reason: str
    detail: str
    request_id: str | None = None  # of the last attempt, where the error names it


@dataclass(frozen=True)
class FailedUser:
    """One user that failed, as far as the failure records name single users."""

    user_id: str
    tenant_id: str
    chunk: int
    position: int
    reason: str
    function: str
    runs: int = 1  # this run and those right before it in which the user failed too


@dataclass(frozen=True)
class CostLine:
    """What one service cost in this run, USD, without free tiers."""

    service: str
    usd: float


SEVERITIES = ("critical", "warning", "info")  # the gravest first


@dataclass(frozen=True)
class Finding:
    """Something that an operator should look at, in one sentence with its figures, and the remedy."""

    kind: str  # slow_partner, throttled_partner, poisonous_user, slice_timed_out, lagging_writer ...
    severity: str  # one of SEVERITIES
    text: str
    remedy: str


@dataclass(frozen=True)
class TraceFacts:
    """The run's trace, where it was sampled."""

    trace_id: str
    segments: int
    document_bytes: int
    write_segments: int  # of WriteRows, behind the stream


@dataclass(frozen=True)
class RunData:
    """One run with all that was found of it; lists are in the order of time."""

    head: RunHead
    origin: str  # "this machine", or the stack and its region
    caps: Caps | None
    states: list[StateActivity] = field(default_factory=list)
    slices: list[SliceActivity] = field(default_factory=list)
    writes: list[WriteActivity] = field(default_factory=list)
    invocations: list[InvocationReport] = field(default_factory=list)
    failures: list[FailureGroup] = field(default_factory=list)
    cost: list[CostLine] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    previous: list[RunHead] = field(default_factory=list)  # the newest first
    trace: TraceFacts | None = None
    gaps: list[str] = field(default_factory=list)  # what could not be read, and why: a report never guesses
    chunk_sizes: dict[int, int] = field(default_factory=dict)
    slice_failures: list[SliceFailure] = field(default_factory=list)
    failed_users: list[FailedUser] = field(default_factory=list)  # at most MAX_FAILED_USERS of failure_records.py
    collected_at: float | None = None
    command_options: str = ""  # what a further batchctl command needs to reach the same stack: ` --stack acme`

    @property
    def total_cost_usd(self) -> float | None:
        """Of all services; None where nothing could be counted."""
        return sum(line.usd for line in self.cost) if self.cost else None

    @property
    def cost_per_thousand_users_usd(self) -> float | None:
        """The same for a thousand listed users."""
        total = self.total_cost_usd
        return None if total is None or not self.head.users_listed else 1000 * total / self.head.users_listed
