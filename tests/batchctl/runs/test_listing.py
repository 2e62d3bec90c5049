"""The list of runs with what each has cost."""

import json
from typing import Any

import pytest

from batchctl.runs.collect import collect_run
from batchctl.runs.html.headline import tell_verdict
from batchctl.runs.listing import list_heads
from batchctl.runs.watching import watch_run
from tests.batchctl.runs.made_up_run import START, MadeUpRun


def two_runs() -> tuple[MadeUpRun, MadeUpRun]:
    first = MadeUpRun(run_id="20261122T082000Z", started_at=START - 600, ids="first-").play()
    return first, MadeUpRun(users=250, objects=first.objects, logs=first.logs).play()


def test_list_heads_has_the_newest_first_with_the_cost_that_its_report_has() -> None:
    first, second = two_runs()

    heads = list_heads(second.source, 10, now=lambda: START + 3600)

    assert [(head.run_id, head.users_listed) for head in heads] == [(second.run_id, 250), (first.run_id, 1000)]
    whole = collect_run(second.source, second.run_id, now=lambda: START + 3600)
    assert heads[0].cost_usd == pytest.approx(whole.head.cost_usd)
    assert (heads[1].cost_usd or 0) > (heads[0].cost_usd or 0)


def test_list_heads_gives_the_newest_alone_when_it_is_limited() -> None:
    _, second = two_runs()

    assert [head.run_id for head in list_heads(second.source, 1)] == [second.run_id]


def test_list_heads_takes_the_account_of_an_older_release_from_the_log() -> None:
    run = MadeUpRun().play()
    del run.objects.bodies[f"runs/{run.run_id}/closed.json"]

    [head] = list_heads(run.source, 10, now=lambda: START + 3600)

    assert (head.status, head.rows_written) == ("COMPLETE", 1000)


def test_list_heads_goes_without_costs_when_logs_are_refused() -> None:
    run = MadeUpRun().play()
    run.logs.refusals = dict.fromkeys(run.logs.lines, "access denied")

    [head] = list_heads(run.source, 10, now=lambda: START + 3600)

    assert (head.status, head.cost_usd) == ("COMPLETE", None)


@pytest.mark.parametrize("status", ["SKIPPED", "STOPPED"])
def test_list_heads_has_a_run_that_did_not_start_with_its_reason(status: str) -> None:
    run = MadeUpRun()
    account: dict[str, Any] = dict.fromkeys(("users_listed", "rows_written", "users_failed", "users_missing"), 0)
    account |= {"status": status, "reason": "run x still goes", "started_at": START, "ended_at": START + 0.1}
    run.objects.bodies[f"runs/{run.run_id}/closed.json"] = json.dumps(account).encode()
    run.objects.bodies[f"runs/{run.run_id}/started.json"] = json.dumps({"claimed_at": START}).encode()

    [head] = list_heads(run.source, 10, now=lambda: START + 3600)
    data = collect_run(run.source, run.run_id, now=lambda: START + 3600)

    assert (head.status, head.not_started_because, head.users_listed) == (status, "run x still goes", 0)
    assert [state.name for state in data.states] == ["ListUsers", f"Run{status.capitalize()}"]
    assert data.findings == []
    assert tell_verdict(data.head) == "The run did not start and called for nobody: run x still goes."
    [last] = watch_run(run.source, run.run_id, sleep=lambda _: None)
    assert last.status == status
