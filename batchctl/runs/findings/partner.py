"""Findings about the partner API: down, slow, or throttling."""

from collections import Counter
from collections.abc import Iterator

from express_batch import circuit

from batchctl.runs.latency import add_histograms, percentile_ms
from batchctl.runs.run_data import Finding, RunData

# What says that the partner is down, as the batch's breaker takes it.
DOWN_ERRORS = frozenset(error.__name__ for error in circuit.DOWN_ERRORS)
# Half of the time-out for one call in twenty: an answer that takes twice as long would be none.
NEAR_TIMEOUT_SHARE = 0.5
# A histogram's bucket is 19% wide, so anything below half as much again may be the same latency.
SLOWER_THAN_BEFORE = 1.5
# Below this a slower partner does not change what a run takes: listing and closing take seconds.
NOTABLE_MS = 250.0
# More than 1 call in 100 without an answer in time is no accident of the network.
TIMED_OUT_SHARE = 0.01
# A 429 costs its user at least a second (Retry-After), so one call in a hundred shows in the run's time ...
THROTTLED_SHARE = 0.01
# ... and one in five says that the partner's limit, and not the run's size, decides how long it takes.
THROTTLED_HARD_SHARE = 0.2


def find_partner_down(data: RunData) -> Iterator[Finding]:
    """The circuit was open, or opened in the run: users were not called for."""
    left_out = sum(group.count for group in data.failures if group.reason == "CircuitOpenError")
    if not left_out:
        return
    calls = sum(each.calls for each in data.slices)
    errors = Counter[str]()
    for each in data.slices:
        errors.update({name: count for name, count in each.api_errors.items() if name in DOWN_ERRORS})
    met = ", ".join(f"{count:,} {name}" for name, count in errors.most_common())
    how = f"after {calls:,} calls ({met})" if met else "before the run called for anybody"
    yield Finding(
        "partner_down",
        "critical",
        f"the partner was found down {how}, so {left_out:,} users were not called for",
        "the next run asks three users first and goes on when they are answered; `batchctl circuit show"
        f"{data.command_options}` says since when, `batchctl redrive {data.head.run_id} --reason CircuitOpenError"
        f"{data.command_options}` calls for them sooner",
    )


def find_slow_partner(data: RunData) -> Iterator[Finding]:
    """p95 near the time-out, calls that timed out, or answers slower than in the runs before."""
    histogram = add_histograms(data.slices)
    p95 = percentile_ms(histogram, 0.95)
    if p95 is None:
        return
    calls = sum(histogram.values())
    timed_out = sum(each.api_errors.get("ApiTimeoutError", 0) for each in data.slices)
    timeout_ms = 1000 * data.caps.partner_api_timeout_seconds if data.caps else None
    is_near = timeout_ms is not None and p95 >= NEAR_TIMEOUT_SHARE * timeout_ms
    loses_calls = timed_out > TIMED_OUT_SHARE * calls
    before = [head.p95_ms for head in data.previous if head.p95_ms]
    usual = sorted(before)[len(before) // 2] if before else None
    is_slower = usual is not None and p95 >= NOTABLE_MS and p95 >= SLOWER_THAN_BEFORE * usual
    if not (is_near or loses_calls or is_slower):
        return
    facts = [f"p95 of the partner API's {calls:,} calls is {p95:,.0f} ms"]
    if timeout_ms is not None:
        facts.append(f"the time-out is {timeout_ms:,.0f} ms")
    if usual is not None:
        facts.append(f"in the runs before it was {usual:,.0f} ms")
    if timed_out:
        facts.append(f"{timed_out:,} calls timed out")
    spent = sum(each.ended_at - each.started_at for each in data.slices)
    if spent > 0:
        facts.append(f"{sum(each.call_seconds for each in data.slices) / spent:.0%} of SyncUsers' time is waiting")
    yield Finding(
        "slow_partner",
        "critical" if loses_calls else "warning",
        ", ".join(facts),
        "ask the partner; until then raise PartnerApiTimeoutSeconds, and SliceConcurrency where the run takes too long",
    )


def find_throttled_partner(data: RunData) -> Iterator[Finding]:
    """The partner answers a notable share of the calls with 429."""
    calls = sum(each.calls for each in data.slices)
    throttled = sum(each.throttled for each in data.slices)
    failed = sum(group.count for group in data.failures if group.reason == "ApiThrottledError")
    if not calls or (throttled < THROTTLED_SHARE * calls and not failed):
        return
    caps = data.caps
    at_once = ""
    if caps is not None:
        slices = caps.chunk_concurrency * caps.slice_concurrency
        if caps.sync_users_reserved_concurrency:
            slices = min(slices, caps.sync_users_reserved_concurrency)
        most = slices * min(caps.calls_in_flight, caps.users_per_invocation)
        at_once = f"; the run may call {most:,} times at once"
    lost = f", {failed:,} users failed of it" if failed else ""
    yield Finding(
        "throttled_partner",
        "critical" if failed or throttled >= THROTTLED_HARD_SHARE * calls else "warning",
        f"the partner answered {throttled:,} of {calls:,} calls ({throttled / calls:.0%}) with 429{lost}{at_once}",
        "lower CallsInFlight, then SliceConcurrency or ChunkConcurrency; or agree on a higher rate with the partner",
    )
