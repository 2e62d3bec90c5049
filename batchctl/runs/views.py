"""Runs on a terminal: the list, one run's summary, its diagnosis, a user's story."""

from collections.abc import Iterator
from datetime import UTC, datetime

from rich.table import Table
from rich.text import Text

from batchctl.console import Console
from batchctl.runs.latency import add_histograms, percentile_ms
from batchctl.runs.run_data import Finding, RunData, RunHead
from batchctl.runs.user_story import UserStory
from batchctl.runs.why import Diagnosis, FailedInvocation

STATUS_STYLES = {
    "COMPLETE": "bold green",
    "PARTIAL": "bold yellow",
    "RUNNING": "bold cyan",
    "SKIPPED": "yellow",
    "STOPPED": "yellow",
}
SEVERITY_STYLES = {"critical": "bold red", "warning": "yellow", "info": "cyan"}


def style_of(status: str) -> str:
    """The colour of a run's status."""
    return STATUS_STYLES.get(status, "bold red")


def show_time(moment: float) -> str:
    """UTC to the second."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def show_cost(usd: float | None) -> str:
    """A run costs fractions of a cent, so millionths of a dollar are shown."""
    return "" if usd is None else f"{usd:.6f}"


def make_runs_table(heads: list[RunHead], origin: str) -> Table:
    """A line for each run."""
    # Without a box it fits 80 columns.
    table = Table(
        title=Text(f"runs of {origin}"), title_justify="left", box=None, pad_edge=False, collapse_padding=True
    )
    for name in ("run", "status"):
        table.add_column(name, no_wrap=True)
    for name in ("listed", "written", "failed", "missing", "seconds", "USD"):
        table.add_column(name, justify="right", no_wrap=True)
    for head in heads:
        table.add_row(
            Text(head.run_id),
            Text(head.status, style_of(head.status)),
            f"{head.users_listed:,}",
            f"{head.rows_written:,}",
            f"{head.users_failed:,}",
            "" if head.status == "RUNNING" else f"{head.users_missing:,}",
            "" if head.seconds is None else f"{head.seconds:,.1f}",
            show_cost(head.cost_usd),
        )
    return table


def print_summary(console: Console, data: RunData) -> None:
    """The report for a terminal; commands stand on one line, so that they can be copied."""
    console.print(_make_head_table(data))
    if data.findings:
        console.print("\nfindings", style="bold")
        console.print(_make_findings_table(data.findings))
    else:
        console.print("\nno findings", style="green")
    for failure in data.failures:
        users = ", ".join(failure.sample_users)
        line = f"{failure.count:,} {'user' if failure.count == 1 else 'users'} {failure.reason} in {failure.function}"
        console.print(Text(f"\n{line}{f': {users}' if users else ''}", "bold"))
        console.print(Text(f"  {failure.detail[:300]}"))
        console.print(Text(f"  run them again: {failure.redrive_command}", "dim"), soft_wrap=True)
    if data.gaps:
        console.print("\nnot known", style="bold")
        for gap in data.gaps:
            console.print(Text(f"  {gap}", "dim"))


def _make_findings_table(findings: list[Finding]) -> Table:
    table = Table.grid(padding=(0, 0, 0, 2))
    for finding in findings:
        severity = Text(finding.severity, SEVERITY_STYLES.get(finding.severity, ""))
        table.add_row(severity, Text.assemble(finding.text, "\n", (finding.remedy, "dim")))
    return table


def _make_head_table(data: RunData) -> Table:
    head = data.head
    table = Table(title=Text(f"run {head.run_id}, {data.origin}"), show_header=False, title_justify="left")
    table.add_column(style="dim")
    table.add_column(justify="right")
    table.add_row("status", Text(head.status, style_of(head.status)))
    if head.not_started_because is not None:
        table.add_row("because", Text(head.not_started_because))
    table.add_row("started", show_time(head.started_at))
    if head.seconds is not None:
        table.add_row("seconds", f"{head.seconds:,.1f}")
    table.add_row("users listed", f"{head.users_listed:,}")
    table.add_row("rows written", f"{head.rows_written:,}")
    table.add_row("users failed", f"{head.users_failed:,}")
    for reason, count in head.failed_by_reason.items():
        table.add_row(Text(f"  {reason}"), f"{count:,}")
    table.add_row(f"users {_not_there(head)}", f"{head.users_missing:,}")
    for name, value in _figures(data):
        table.add_row(name, Text(value))
    return table


def _not_there(head: RunHead) -> str:
    """What the users are that are neither written nor failed; while a run goes on nobody is missing."""
    return "still open" if head.status == "RUNNING" else "missing"


def _figures(data: RunData) -> Iterator[tuple[str, str]]:
    if data.slices:
        histogram = add_histograms(data.slices)
        p50, p95, p99 = (percentile_ms(histogram, share) or 0.0 for share in (0.5, 0.95, 0.99))
        yield "partner API, p50 / p95 / p99", f"{p50:,.0f} / {p95:,.0f} / {p99:,.0f} ms"
        calls, retries = sum(each.calls for each in data.slices), sum(each.retries for each in data.slices)
        yield "calls", f"{calls:,} ({retries:,} retries)"
    if data.invocations:
        cold = sum(report.init_ms is not None for report in data.invocations)
        yield "Lambda invocations", f"{len(data.invocations):,} ({cold:,} cold starts)"
    if data.total_cost_usd is not None:
        per_thousand = data.cost_per_thousand_users_usd
        more = f" ({show_cost(per_thousand)} a thousand users)" if per_thousand is not None else ""
        yield "cost, USD", f"{show_cost(data.total_cost_usd)}{more}"
    before = [head.seconds for head in data.previous if head.seconds is not None]
    if before:
        yield "the runs before, seconds", ", ".join(f"{seconds:,.1f}" for seconds in before[:5])
    if data.trace is not None:
        yield "trace", data.trace.trace_id


def _show_finding(finding: Finding) -> Text:
    style = SEVERITY_STYLES.get(finding.severity, "")
    return Text.assemble(
        ("  " + finding.severity, style), f"  {finding.text}\n", (f"            {finding.remedy}", "dim")
    )


def print_diagnosis(console: Console, diagnosis: Diagnosis) -> None:
    """The few lines of `batchctl why`."""
    head = diagnosis.head
    seconds = "" if head.seconds is None else f" in {head.seconds:,.1f} s"
    console.print(
        Text.assemble(
            f"run {head.run_id} ({diagnosis.origin}) is ",
            (head.status, style_of(head.status)),
            f": {head.rows_written:,} written, {head.users_failed:,} failed, {head.users_missing:,} "
            f"{_not_there(head)} of {head.users_listed:,}{seconds}",
        ),
        soft_wrap=True,
    )
    parts: list[Text] = [_show_finding(finding) for finding in diagnosis.findings]
    for failure in diagnosis.failures[:5]:
        parts.append(Text(f"{failure.count:,} failed in {failure.function}, {failure.reason}: {failure.detail[:300]}"))
        examples = failure.sample_users[:1]
        examples += [f"request {diagnosis.requests[failure.reason]}"] if failure.reason in diagnosis.requests else []
        if examples:
            parts.append(Text(f"  such as {', '.join(examples)}", "dim"))
        parts.append(Text(f"  run them again: {failure.redrive_command}", "dim"))
    for each in diagnosis.invocations:
        parts += _show_invocation(each)
    if diagnosis.more_invocations:
        parts.append(Text(f"{diagnosis.more_invocations:,} more invocations failed"))
    if diagnosis.trace_id is not None:
        parts.append(Text(f"trace {diagnosis.trace_id}"))
    if not parts and head.status == "COMPLETE":
        parts.append(Text("nothing went wrong", "green"))
    parts += [Text(f"not known: {gap}", "dim") for gap in diagnosis.gaps]
    for part in parts:
        console.print(part, soft_wrap=True)


def _show_invocation(each: FailedInvocation) -> list[Text]:
    report = each.report
    line = (
        f"{each.state}: {report.function} request {report.request_id} ended {show_time(report.ended_at)} with "
        f"{report.error_type}: {report.error_message or 'no message'}"
    )
    return [Text(line), *(Text(f"    {text}", "dim") for line_ in each.lines for text in line_.splitlines()[:8])]


def print_story(console: Console, story: UserStory, run_id: str) -> None:
    """One user, in a few lines."""
    style = {"written": "green", "failed": "red", "missing": "red"}.get(story.outcome, "cyan")
    console.print(
        Text.assemble(f"{story.user_id} of {story.tenant_id} in run {run_id}: ", (story.outcome, style)), soft_wrap=True
    )
    console.print(Text(f"  {story.text}"), soft_wrap=True)
    where = f"  chunk {story.chunk}, position {story.position}"
    if story.slice_start is not None:
        where += f", slice {story.slice_start}-{story.slice_end}"
    console.print(Text(where), soft_wrap=True)
    if story.request_id is not None:
        console.print(Text(f"  SyncUsers request {story.request_id}"), soft_wrap=True)
