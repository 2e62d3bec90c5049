"""The estimate of a month's bill."""

import dataclasses
import json

import pytest
from typer.testing import CliRunner

from batchctl.cost.estimate import Workload, estimate_cost
from batchctl.cost.watching import Watching
from batchctl.main import app
from batchctl.project_tree import PROJECT_ROOT
from emulator.stack.template_file import read_template


def test_runs_cost_a_tenth_of_a_lambda_for_each_user() -> None:
    slices = estimate_cost(Workload())
    single = estimate_cost(Workload(users_per_invocation=1, calls_in_flight=1, concurrency=256, memory_mb=128))

    assert slices.variable_usd < single.variable_usd / 10


def test_cost_of_runs_is_linear_in_users_and_in_runs() -> None:
    base = estimate_cost(Workload()).variable_usd

    assert estimate_cost(Workload(users=120_000)).variable_usd == pytest.approx(4 * base, rel=0.15)
    assert estimate_cost(Workload(every_minutes=5)).variable_usd == pytest.approx(2 * base)


def test_fixed_costs_do_not_depend_on_users() -> None:
    def fixed(users: int) -> float:
        estimate = estimate_cost(dataclasses.replace(Workload(), users=users))
        return estimate.total_usd - estimate.variable_usd - estimate.watching_usd

    assert fixed(1) == pytest.approx(fixed(1_000_000))


def test_lambda_line_is_what_its_price_makes_of_it() -> None:
    # One user an hour: one invocation of 1 GB that waits a second, and the three small functions.
    estimate = estimate_cost(
        Workload(users=1, every_minutes=60, api_latency_ms=1000, users_per_invocation=1, memory_mb=1024)
    )

    slice_seconds = 0.05 + 1.0 + 0.0004 / (1024 / 1769)
    gb_seconds = slice_seconds + 0.5 * (2.0 + 1 * 0.05) + 0.25 * 3.0
    assert estimate.lines[0].usd == pytest.approx(730 * (gb_seconds * 0.0000133334 + 4 * 0.0000002))


def test_limit_costs_its_requests_and_the_time_of_its_slices_and_nothing_when_it_is_off() -> None:
    def lines(rate: int) -> dict[str, float]:
        return {line.name: line.usd for line in estimate_cost(Workload(calls_per_second=rate)).lines}

    table = "DynamoDB, for CallsPerSecond"
    # 4,380 runs of 120 slices: a write each, and half a unit for each of 4 looks.
    assert lines(500)[table] == pytest.approx(4380 * 120 * (0.625e-6 + 4 * 0.5 * 0.125e-6), rel=0.05)
    assert lines(500)["Lambda"] > 2 * lines(0)["Lambda"]
    assert lines(0)[table] == 0


def test_watching_is_counted_apart_and_costs_what_its_prices_make_of_it() -> None:
    def lines(watching: Watching) -> dict[str, float]:
        return {line.name: line.usd for line in estimate_cost(Workload(watching=watching)).lines if line.watching}

    default = lines(Watching())
    nothing = lines(Watching(metrics=False, alarms=False, traced_share=0))

    assert default["CloudWatch metrics"] == pytest.approx((10 + 1) * 0.30)
    assert default["CloudWatch alarms"] == pytest.approx(19 * 0.10 + 0.50)
    assert default["CloudWatch dashboard"] == 0
    assert lines(Watching(dashboard=True))["CloudWatch dashboard"] == 3
    assert 0 < nothing.pop("CloudWatch logs") < default["CloudWatch logs"]
    assert sum(nothing.values()) == 0
    without, with_all = (
        estimate_cost(Workload(watching=watching)) for watching in (Watching(False, False, False, 0), Watching())
    )
    assert without.variable_usd == with_all.variable_usd
    assert with_all.total_usd - without.total_usd == pytest.approx(with_all.watching_usd - without.watching_usd)


def test_defaults_are_those_of_the_template() -> None:
    parameters = read_template(PROJECT_ROOT / "template.yaml")["Parameters"]

    assert Watching() == Watching(
        parameters["Metrics"]["Default"] == "Active",
        parameters["Alarms"]["Default"] == "Active",
        parameters["Dashboard"]["Default"] == "Active",
        parameters["TraceSamplingRate"]["Default"],
    )


def test_readme_has_the_figures_of_the_estimate() -> None:
    readme = (PROJECT_ROOT / "README.md").read_text(encoding="utf-8")
    estimate = estimate_cost(Workload())
    usd = {line.name: f"{line.usd:.2f}" for line in estimate.lines}

    assert (
        f"Lambda {usd['Lambda']}, Step Functions Express {usd['Step Functions Express']},"
        f" S3 requests {usd['S3 requests']}, Kinesis PUT units {usd['Kinesis PUT units']}"
        f" | **{estimate.variable_usd:.2f}** |"
    ) in readme
    assert (
        f"logs {usd['CloudWatch logs']}, metrics {usd['CloudWatch metrics']}, alarms {usd['CloudWatch alarms']},"
        f" X-Ray {usd['X-Ray traces']};"
    ) in readme
    assert f"| {estimate.watching_usd:.2f} |" in readme


def test_command_leaves_out_what_is_turned_off() -> None:
    result = CliRunner().invoke(app, ["cost", "--no-alarms", "--no-metrics", "--traced-share", "0"])

    assert "CloudWatch logs" in result.output
    assert "alarms" not in result.output


def test_command_prints_one_object_when_asked_for_json() -> None:
    result = CliRunner().invoke(app, ["cost", "--users", "30000", "--json"])

    document = json.loads(result.output)
    assert document["total_usd"] == pytest.approx(sum(document["lines"].values()), abs=0.05)


@pytest.mark.parametrize("option", ["--users", "--every-minutes", "--shards"])
def test_command_refuses_what_makes_no_sense(option: str) -> None:
    result = CliRunner().invoke(app, ["cost", option, "0"])

    assert result.exit_code != 0
    assert option in str(result.exception)


def test_looks_at_the_kill_switch_cost_a_request_a_second_in_each_environment() -> None:
    def requests(latency_ms: float) -> float:
        estimate = estimate_cost(Workload(users=250, every_minutes=60, api_latency_ms=latency_ms, concurrency=1))
        return next(line.usd for line in estimate.lines if line.name == "S3 requests")

    assert requests(20_000) - requests(10_000) == pytest.approx(730 * 10 * 0.0004 / 1000, rel=0.01)
