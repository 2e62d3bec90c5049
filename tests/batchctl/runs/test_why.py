"""The diagnosis of a run: which invocations are shown, and with which lines."""

import io

from batchctl.console import Console
from batchctl.runs.collect import collect_run
from batchctl.runs.views import print_diagnosis, print_summary
from batchctl.runs.why import INVOCATIONS_SHOWN, diagnose
from tests.batchctl.runs.made_up_run import START, MadeUpRun, make_data, make_head, make_report, make_slice
from tests.batchctl.runs.test_findings import dead_slice


def test_diagnose_shows_one_of_each_kind_before_more_of_the_same() -> None:
    reports = [make_report(request_id=f"dead-{n}", error_type="Runtime.ExitError") for n in range(7)]
    reports.append(make_report("WriteRows", request_id="w", error_type="DatabaseUnavailableError"))

    diagnosis = diagnose(make_data(invocations=reports), None)

    shown = [(each.state, each.report.request_id) for each in diagnosis.invocations]
    assert shown[:2] == [("SyncUsers", "dead-0"), ("RowStreamMapping", "w")]
    assert (len(shown), diagnosis.more_invocations) == (INVOCATIONS_SHOWN, 3)


def test_diagnose_passes_over_a_redrive_that_was_refused() -> None:
    refused = make_report("ListUsers", error_type="RedriveRefusedError")

    diagnosis = diagnose(make_data(invocations=[refused, make_report(error_type="X")]), None)

    assert [each.report.error_type for each in diagnosis.invocations] == ["X"]
    assert diagnosis.more_invocations == 0


def test_nobody_is_missing_while_a_run_goes_on() -> None:
    out = io.StringIO()
    data = make_data(head=make_head(status="RUNNING", users_missing=1200))

    print_diagnosis(Console(file=out), diagnose(data, None))
    print_summary(Console(file=out), data)

    assert "1,200 still open of" in out.getvalue()
    assert "missing" not in out.getvalue().partition("findings")[0]


def test_diagnose_gives_the_last_lines_of_a_failed_invocation() -> None:
    run = MadeUpRun().play()
    run.logs.add("SyncUsers", START + 2.4, "START RequestId: dead-1 Version: 1", "dead-1")
    run.log("SyncUsers", "dead-1", 2.5, "stream throttled")
    run.logs.add("SyncUsers", START + 2.6, "[ERROR] StreamUnavailableError: no room\rTraceback\r", "dead-1")
    run.report("SyncUsers", "dead-1", 2.7, 100)
    data = collect_run(run.source, run.run_id, now=lambda: START + 3600)

    [failed] = diagnose(data, run.source).invocations

    assert (failed.report.error_type, failed.report.error_message) == ("StreamUnavailableError", "no room")
    assert ["stream throttled" in failed.lines[0], failed.lines[1].startswith("REPORT")] == [True, True]


def test_diagnose_says_so_when_lines_cannot_be_read() -> None:
    run = MadeUpRun()
    run.logs.refusals["SyncUsers"] = "log group x: access denied"

    diagnosis = diagnose(make_data(invocations=[make_report(error_type="X")]), run.source)

    assert diagnosis.invocations[0].lines == []
    assert diagnosis.gaps == ["log group x: access denied"]


def test_diagnose_names_a_request_for_each_reason() -> None:
    slices = [make_slice(n, failed_by_reason={"ApiRejectedError": 1}) for n in (3, 4)]

    diagnosis = diagnose(make_data(slices=slices, slice_failures=[dead_slice(request_id="dead-1")]), None)

    assert diagnosis.requests == {"ApiRejectedError": "sync-3", "Runtime.ExitError": "dead-1"}
