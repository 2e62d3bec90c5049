"""Which faults the runs of a soak meet, and what its command line takes."""

from itertools import islice

import pytest

from chaos.scenarios import SCENARIOS
from chaos.soak.__main__ import describe_progress, parse_arguments
from chaos.soak.faults import CALM, EXCLUDED, FAULTS, check_needs, draw_faults
from chaos.soak.soaking import SoakOptions, SoakResult


def test_every_fault_comes_up_before_any_comes_again() -> None:
    drawn = [scenario for scenario in islice(draw_faults(3), 200) if scenario is not CALM]

    for start in range(0, len(drawn) - len(FAULTS), len(FAULTS)):
        assert set(drawn[start : start + len(FAULTS)]) == set(FAULTS)


def test_draw_is_the_same_for_the_same_seed_and_has_calm_runs() -> None:
    names = [[scenario.name for scenario in islice(draw_faults(seed), 200)] for seed in (1, 1, 2)]

    assert names[0] == names[1] != names[2]
    assert 20 < names[0].count(CALM.name) < 80


def test_all_faults_but_those_excluded_by_name_are_drawn() -> None:
    assert {scenario.name for scenario in FAULTS} | set(EXCLUDED) == {scenario.name for scenario in SCENARIOS}
    assert all(EXCLUDED.values())


def test_fault_that_needs_a_stack_of_its_own_is_refused_by_name() -> None:
    check_needs(FAULTS)
    with pytest.raises(ValueError, match="database-disk-full"):
        check_needs(SCENARIOS)


@pytest.mark.parametrize("wrong", [["--runs", "0"], ["--users", "400"], ["--runs", "5", "--sample-every", "9"]])
def test_command_line_is_refused_in_one_line(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse_arguments(wrong)

    assert ended.value.code == 2
    assert "must be from" in capsys.readouterr().err.splitlines()[-1]


def test_progress_tells_the_time_that_is_left() -> None:
    result = SoakResult(SoakOptions(runs=200))
    assert describe_progress(result, "preparing") == "run 1 of 200: preparing"

    result.runs, result.seconds = 50, 240.0
    result.problems = ["run 7: a user is missing"]
    assert describe_progress(result, "partner-down") == "run 51 of 200, 12 min left, 1 problems: partner-down"
