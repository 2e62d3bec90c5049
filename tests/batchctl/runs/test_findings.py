"""Findings out of made-up runs: each kind where it must come, and where it must not."""

from dataclasses import replace
from typing import Any

import pytest

from batchctl.runs.findings import find_all
from batchctl.runs.run_data import FailedUser, FailureGroup, Finding, RunData, SliceFailure, StateActivity
from tests.batchctl.runs.made_up_run import CAPS, START, make_data, make_head, make_report, make_slice, make_write


def find(kind: str, **changes: Any) -> list[Finding]:
    """The findings of this kind in a run that differs so from a faultless one."""
    return [finding for finding in find_all(make_data(**changes)) if finding.kind == kind]


def kinds(data: RunData) -> list[str]:
    return [finding.kind for finding in find_all(data)]


def failed_user(number: int = 0, **changes: Any) -> FailedUser:
    return replace(FailedUser(f"user-{number}", "t", 1, number, "MalformedAnswerError", "SyncUsers"), **changes)


def group(reason: str, count: int) -> FailureGroup:
    return FailureGroup(reason, "SyncUsers", count, ["user-0"], "why", "batchctl redrive ...")


def test_find_all_has_nothing_to_say_when_a_run_is_without_a_flaw() -> None:
    assert kinds(make_data()) == []


def test_find_all_has_nothing_to_say_when_nothing_but_the_head_is_known() -> None:
    assert kinds(RunData(head=make_head(), origin="made up", caps=None)) == []


def test_find_all_puts_the_gravest_first() -> None:
    found = find_all(
        make_data(head=make_head(status="INCOMPLETE", users_missing=10), failed_users=[failed_user(runs=1)])
    )

    assert [finding.severity for finding in found] == sorted(
        (finding.severity for finding in found), key=("critical", "warning", "info").index
    )


def test_partner_down_is_found_when_the_circuit_opened_in_the_run() -> None:
    slices = [make_slice(0, api_errors={"ApiServerError": 40, "ApiTimeoutError": 50, "ApiRejectedError": 1})]

    [finding] = find("partner_down", slices=slices, failures=[group("CircuitOpenError", 1200)])

    assert finding.severity == "critical"
    assert "(50 ApiTimeoutError, 40 ApiServerError), so 1,200 users were not called for" in finding.text
    assert "batchctl circuit show" in finding.remedy
    assert "--reason CircuitOpenError" in finding.remedy


def test_partner_down_says_so_when_nobody_was_called_for() -> None:
    [finding] = find("partner_down", slices=[make_slice(0)], failures=[group("CircuitOpenError", 7)])

    assert "before the run called for anybody, so 7 users" in finding.text


def test_partner_down_is_not_found_when_users_failed_for_other_reasons() -> None:
    assert find("partner_down", failures=[group("ApiServerError", 1200)]) == []


def test_slow_partner_is_found_when_p95_is_near_the_time_out() -> None:
    slow = [make_slice(n, latency={26: 200, 48: 50}, call_seconds=0.95) for n in range(40)]  # 2^(48.5/4) = 4,467 ms

    [finding] = find("slow_partner", slices=slow)

    assert finding.severity == "warning"
    assert finding.text == (
        "p95 of the partner API's 10,000 calls is 4,467 ms, the time-out is 5,000 ms, in the runs before it was 95 ms, "
        "95% of SyncUsers' time is waiting"
    )
    assert "PartnerApiTimeoutSeconds" in finding.remedy


def test_slow_partner_is_critical_when_calls_time_out() -> None:
    [finding] = find("slow_partner", slices=[make_slice(n, api_errors={"ApiTimeoutError": 5}) for n in range(40)])

    assert finding.severity == "critical"
    assert "200 calls timed out" in finding.text


def test_slow_partner_is_found_when_it_is_slower_than_in_the_runs_before() -> None:
    slower = [make_slice(n, latency={36: 250}) for n in range(40)]  # 558 ms

    [finding] = find("slow_partner", slices=slower)

    assert "in the runs before it was 95 ms" in finding.text


@pytest.mark.parametrize("bucket", [27, 29, 31])
def test_slow_partner_is_not_found_when_answers_take_as_long_as_ever_or_little(bucket: int) -> None:
    # 31: 234 ms is slower than before, and changes nothing that a run takes.
    assert find("slow_partner", slices=[make_slice(n, latency={bucket: 250}) for n in range(40)]) == []


def test_slow_partner_is_not_found_when_one_call_in_a_thousand_timed_out() -> None:
    slices = [make_slice(0, api_errors={"ApiTimeoutError": 10}), *map(make_slice, range(1, 40))]

    assert find("slow_partner", slices=slices) == []


@pytest.mark.parametrize(("throttled", "severity"), [(10, "warning"), (60, "critical")])
def test_throttled_partner_is_found_when_a_share_of_the_calls_is_answered_429(throttled: int, severity: str) -> None:
    [finding] = find("throttled_partner", slices=[make_slice(n, throttled=throttled) for n in range(40)])

    assert finding.severity == severity
    assert f"{40 * throttled:,} of 10,000 calls" in finding.text
    assert "2,000 times at once" in finding.text  # 8 slices of 250 calls
    assert "CallsInFlight" in finding.remedy


def test_throttled_partner_is_critical_when_users_failed_of_it() -> None:
    slices = [make_slice(0, throttled=3), *map(make_slice, range(1, 40))]

    [finding] = find("throttled_partner", slices=slices, failures=[group("ApiThrottledError", 3)])

    assert (finding.severity, "3 users failed of it" in finding.text) == ("critical", True)


def test_throttled_partner_is_not_found_when_a_few_calls_were() -> None:
    assert find("throttled_partner", slices=[make_slice(n, throttled=2) for n in range(40)]) == []


def test_poisonous_user_is_named_when_it_failed_in_the_runs_before_too() -> None:
    [finding] = find(
        "poisonous_user", failed_users=[failed_user(7, runs=3)], failures=[group("MalformedAnswerError", 1)]
    )

    assert finding.severity == "warning"
    assert finding.text.startswith(
        "user-7 (chunk 1, MalformedAnswerError in SyncUsers) fails in each of the last 3 runs"
    )


def test_poisonous_user_is_for_information_when_it_failed_in_this_run_alone() -> None:
    [finding] = find("poisonous_user", failed_users=[failed_user(7)])

    assert finding.severity == "info"


@pytest.mark.parametrize(
    "users",
    [
        [failed_user(n) for n in range(11)],
        [failed_user(n, runs=3) for n in range(500)],
        [failed_user(0, reason="TimeLeftError")],
        [failed_user(0, reason="ApiThrottledError")],
    ],
)
def test_poisonous_user_is_not_found_when_it_is_not_the_users_who_are_at_fault(users: list[FailedUser]) -> None:
    assert find("poisonous_user", failed_users=users) == []


def dead_slice(**changes: Any) -> SliceFailure:
    return replace(SliceFailure(9, 750, 1000, "Runtime.ExitError", "RequestId: x Error: Runtime exited"), **changes)


def test_poisonous_slice_is_found_when_its_invocation_dies_each_time() -> None:
    died = [make_report(request_id=f"dead-{n}", error_type="Runtime.ExitError") for n in range(4)]

    [finding] = find(
        "poisonous_user", slices=[make_slice(n) for n in range(39)], slice_failures=[dead_slice()], invocations=died
    )

    assert finding.severity == "critical"
    assert "dies at every attempt at chunk 9 slice 750-1000 (4 invocations, Runtime.ExitError" in finding.text
    assert "one of its 250 users" in finding.text


@pytest.mark.parametrize(
    ("slices", "dead"),
    [
        (39, [dead_slice(reason="StreamUnavailableError")]),
        (39, [dead_slice(reason="Lambda.TooManyRequestsException")]),
        (36, [dead_slice(start=250 * n, end=250 * n + 250) for n in range(4)]),
        (0, [dead_slice()]),
    ],
)
def test_poisonous_slice_is_not_found_when_no_user_can_be_at_fault(slices: int, dead: list[SliceFailure]) -> None:
    assert find("poisonous_user", slices=[make_slice(n) for n in range(slices)], slice_failures=dead) == []


def test_slice_timed_out_names_chunk_and_slice() -> None:
    died = [make_report(request_id=f"dead-{n}", error_type="Sandbox.Timedout") for n in range(4)]

    [finding] = find(
        "slice_timed_out",
        slices=[make_slice(n) for n in range(39)],
        slice_failures=[dead_slice(reason="Sandbox.Timedout")],
        invocations=died,
    )

    assert finding.severity == "critical"
    assert "chunk 9 slice 750-1000 met the time-out of 60 s (SyncUsersTimeoutSeconds) at every attempt" in finding.text
    assert "4 invocations" in finding.text
    assert "the longest of the other slices took 1.0 s" in finding.text


def test_slice_timed_out_is_a_warning_when_a_later_attempt_came_through() -> None:
    [finding] = find("slice_timed_out", invocations=[make_report(error_type="Sandbox.Timedout")])

    assert finding.severity == "warning"


def test_slice_timed_out_is_found_when_users_had_no_time_left() -> None:
    slices = [make_slice(3, synced=240, failed=10, failed_by_reason={"TimeLeftError": 10})]

    [finding] = find("slice_timed_out", slices=slices, failures=[group("TimeLeftError", 10)])

    assert "10 users failed with TimeLeftError" in finding.text
    assert "chunk 0 slice 750-1000" in finding.text


def test_slice_timed_out_is_not_found_when_another_function_met_its_time_out() -> None:
    assert find("slice_timed_out", invocations=[make_report("WriteRows", error_type="Sandbox.Timedout")]) == []


def test_lagging_writer_is_found_when_records_grow_old() -> None:
    [finding] = find("lagging_writer", writes=[make_write(iterator_age_seconds=42.0)])

    assert finding.severity == "warning"
    assert "42.0 s old" in finding.text


def test_lagging_writer_is_found_when_close_run_waited_half_of_its_time() -> None:
    [finding] = find("lagging_writer", head=make_head(waited_seconds=31.0))

    assert "CloseRun waited 31.0 s of 60 s" in finding.text


def test_lagging_writer_is_critical_when_answered_users_are_not_written() -> None:
    head = make_head(status="INCOMPLETE", rows_written=9_000, users_missing=1_000, waited_seconds=60.0)

    [finding] = find("lagging_writer", head=head, writes=[make_write(borrow_seconds=9.0)])

    assert finding.severity == "critical"
    assert "1,000 answered users were not in the database when the run was closed" in finding.text
    assert "DatabaseMaxConnectionsPercent" in finding.remedy


def test_lagging_writer_is_not_found_when_users_are_missing_that_nobody_answered_for() -> None:
    head = make_head(status="INCOMPLETE", rows_written=9_750, users_missing=250)

    assert find("lagging_writer", head=head, slices=[make_slice(n) for n in range(39)]) == []


def test_missing_users_are_told_with_where_they_are() -> None:
    head = make_head(status="INCOMPLETE", rows_written=9_000, users_missing=1_000)

    [finding] = find("missing_users", head=head)

    assert finding.text.startswith("1,000 of 10,000 users are neither written nor failed: 1,000 of them were answered")


def test_missing_users_are_none_while_a_run_is_going_on() -> None:
    running = make_head(status="RUNNING", closed_at=None, rows_written=0, users_missing=10_000)

    assert kinds(make_data(head=running)) == []


def test_never_closed_names_the_state_and_the_error() -> None:
    head = make_head(status="FAILED", closed_at=None, rows_written=0, users_listed=0)
    states = [StateActivity("ListUsers", 1, 5, 4, START, START + 20, 20.0)]
    error = make_report("ListUsers", error_type="DatabaseUnavailableError", error_message="database x is down")

    [finding] = find("never_closed", head=head, states=states, invocations=[error], slices=[])

    assert "came as far as ListUsers, DatabaseUnavailableError: database x is down" in finding.text


@pytest.mark.parametrize(("seconds", "count"), [(150, 0), (201, 1)])
def test_near_time_limit_is_found_when_half_as_much_again_would_be_too_long(seconds: float, count: int) -> None:
    assert len(find("near_time_limit", head=make_head(closed_at=START + seconds))) == count


@pytest.mark.parametrize(("used", "count"), [(400, 0), (470, 1)])
def test_memory_near_limit_is_found_once_a_function(used: int, count: int) -> None:
    reports = [make_report(max_memory_mb=used, request_id=f"sync-{n}") for n in range(3)]

    found = find("memory_near_limit", invocations=reports)

    assert len(found) == count
    assert all("SyncUsersMemorySize" in finding.remedy for finding in found)


def long_slices(side_by_side: int) -> list[Any]:
    """Slices of 10 s, so many at once."""
    return [
        make_slice(n, started_at=START + n // side_by_side * 10, ended_at=START + n // side_by_side * 10 + 10)
        for n in range(40)
    ]


@pytest.mark.parametrize(("side_by_side", "kind"), [(8, "cap_reached"), (2, "cap_unused")])
def test_concurrency_is_told_when_it_is_at_its_cap_or_far_below(side_by_side: int, kind: str) -> None:
    found = kinds(make_data(slices=long_slices(side_by_side)))

    assert found == [kind]


def test_concurrency_is_not_told_when_the_phase_is_short() -> None:
    assert kinds(make_data(slices=[make_slice(n) for n in range(40)])) == []


@pytest.mark.parametrize(("init_ms", "count"), [(100, 0), (900, 1)])
def test_cold_starts_are_told_when_they_take_a_third_of_the_time(init_ms: float, count: int) -> None:
    reports = [make_report(request_id=f"sync-{n}", init_ms=init_ms) for n in range(40)]

    assert len(find("cold_starts", invocations=reports)) == count


def test_caps_may_be_unknown() -> None:
    data = make_data(
        caps=None, slices=[make_slice(n, throttled=60, api_errors={"ApiTimeoutError": 9}) for n in range(40)]
    )

    assert kinds(data) == ["slow_partner", "throttled_partner"]
    assert CAPS.partner_api_timeout_seconds == 5
