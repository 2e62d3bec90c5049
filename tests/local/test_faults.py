"""A few of `make chaos`'s faults against whole runs: every row right, nobody missing, nothing twice, nothing left."""

import asyncio
from collections.abc import Iterator

import pytest
import uvloop

from chaos.play import play
from chaos.processes import describe_difference, list_commands
from chaos.run import choose, parse_arguments
from chaos.scenario import Scenario
from chaos.scenarios import SCENARIOS
from chaos.stage import Needs, Row, Stage, make_row, open_stage
from chaos.verdict import allow_answers_since, compare
from emulator.partner_api import LastAnswer
from emulator.partner_api.answers import make_answer

USERS, SEED = 2_000, 1
QUICK = [scenario for scenario in SCENARIOS if scenario.is_quick]


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as each:
        yield each


@pytest.fixture(scope="module")
def stage(runner: asyncio.Runner) -> Iterator[Stage]:
    """One stack for all; none of its processes is left."""
    processes = list_commands()
    opening = open_stage(Needs(), USERS, SEED, lambda _: None)
    yield runner.run(opening.__aenter__())
    runner.run(opening.__aexit__(None, None, None))
    assert describe_difference(processes, list_commands()) == ""


@pytest.mark.parametrize("scenario", QUICK, ids=lambda scenario: scenario.name)
def test_fault_is_survived(scenario: Scenario, stage: Stage, runner: asyncio.Runner) -> None:
    verdict = runner.run(play(scenario, stage, SEED))

    assert verdict.problems == []
    assert (verdict.rows_right, verdict.missing, verdict.duplicates) == (USERS, 0, 0)
    assert verdict.strikes > 0


def row(user: str, version: int) -> Row:
    """The row of that version of the user's answer."""
    answer = make_answer(SEED, user, version)
    return make_row(LastAnswer(answer.points, answer.tier, answer.updated_at, calls=1))


def test_compare_tells_older_rows_absent_ones_and_those_of_nobody() -> None:
    model = {user: row(user, 5) for user in ("a", "b", "c")}
    table = {"a": row("a", 5), "b": row("b", 4), "x": row("x", 0)}

    rows = compare(table, model)

    assert (rows.right, set(rows.wrong), set(rows.older), rows.foreign) == (1, {"b", "c"}, {"b"}, 1)
    assert not rows.are_whole


def test_compare_allows_answers_of_calls_that_overlapped_and_no_others() -> None:
    model = {user: row(user, 5) for user in ("a", "b", "c")}
    before = {user: row(user, 3) for user in model}
    table = {"a": row("a", 4), "b": row("b", 3), "c": (1, "gold", row("c", 4)[2])}

    rows = compare(table, model, allow_answers_since(before, SEED))

    assert rows.wrong == {"b", "c"}


def test_names_of_faults_are_told_apart() -> None:
    names = [scenario.name for scenario in SCENARIOS]

    assert len(set(names)) == len(names)
    assert choose(["database-killed"])[0].name == "database-killed"
    with pytest.raises(ValueError, match="no fault nobody; the faults are: environment-killed-syncing"):
        choose(["nobody"])


def test_command_line_is_refused_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse_arguments(["--users", "10"])

    assert ended.value.code == 2
    assert "1,500" in capsys.readouterr().err
