"""A run in flight, step by step, on a clock of the test's."""

from collections.abc import Callable

import pytest

from batchctl.errors import BatchctlError
from batchctl.runs.watching import Progress, watch_run
from tests.batchctl.runs.made_up_run import START, MadeUpRun


def watch(run: MadeUpRun, *steps: Callable[[], None]) -> list[Progress]:
    """What is seen when one step happens in each pause, a second apart; then time runs out."""
    clock, left = [START + 2.0], list(steps)

    def sleep(_: float) -> None:
        clock[0] += 1.0 if left else 400.0
        if left:
            left.pop(0)()

    return list(watch_run(run.source, run.run_id, now=lambda: clock[0], sleep=sleep))


def test_watch_run_counts_each_line_once_until_the_run_is_closed() -> None:
    run = MadeUpRun()
    run.list_users()

    seen = watch(
        run,
        lambda: run.sync(0, 0, 250),
        lambda: run.sync(0, 250, 500, failed=10),
        lambda: run.sync(0, 250, 500, attempt=2),
        lambda: run.fail_slice(1, 0, 250, "Runtime.ExitError", "died"),
        lambda: run.close(status="PARTIAL", failed=250),
    )

    assert [(each.synced, each.failed, each.written) for each in seen] == [
        (0, 0, 0), (250, 0, 250), (490, 10, 490), (500, 0, 740), (500, 250, 740), (750, 250, 750),
    ]  # fmt: skip
    assert [each.status for each in seen] == ["RUNNING"] * 5 + ["PARTIAL"]
    assert [each.users_listed for each in seen] == [1000] * 6


def test_watch_run_tells_speed_and_time_to_go() -> None:
    run = MadeUpRun()
    run.list_users()
    run.sync(0, 0, 250)

    first = watch(run, run.close)[0]

    assert (first.seconds, first.users_per_second, first.eta_seconds) == (1.5, 166.7, 4.5)


def test_watch_run_sees_lines_that_arrive_out_of_order() -> None:
    run = MadeUpRun()
    run.list_users()

    def late() -> None:
        run.sync(0, 250, 500)  # of the same moment as the line that was seen first

    seen = watch(run, lambda: run.sync(0, 0, 250), late, run.close)

    assert [each.synced for each in seen] == [0, 250, 500, 1000]


def test_watch_run_ends_as_failed_when_the_execution_is_over() -> None:
    run = MadeUpRun()
    run.list_users()

    seen = watch(run)

    assert [each.status for each in seen] == ["RUNNING", "FAILED"]
    assert seen[-1].eta_seconds is None


def test_watch_run_names_a_run_that_is_not_there() -> None:
    with pytest.raises(BatchctlError, match="is not in s3://run-bucket: `batchctl runs`"):
        watch(MadeUpRun())
