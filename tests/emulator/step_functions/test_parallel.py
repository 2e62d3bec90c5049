"""Parallel.

Source: https://docs.aws.amazon.com/step-functions/latest/dg/state-parallel.html
"""

from typing import Any

from tests.emulator.step_functions.doubles import (
    FakeLambda,
    FunctionError,
    event_types,
    invoke,
    jsonata,
    jsonpath,
    run_machine,
    sleeping,
)


def branch(state: dict[str, Any], name: str) -> dict[str, Any]:
    """A branch of one state."""
    return {"StartAt": name, "States": {name: state}}


def test_parallel_gives_the_outputs_in_the_order_of_the_branches() -> None:
    functions = FakeLambda({"slow": sleeping(5, "slow"), "fast": sleeping(1, "fast")})
    state = {"Type": "Parallel", "Branches": [branch(invoke("slow"), "A"), branch(invoke("fast"), "B")], "End": True}

    execution = run_machine(jsonata("P", P=state), functions=functions)

    assert execution.output == ["slow", "fast"]
    assert functions.most_in_flight == 2


def test_parallel_gives_every_branch_the_same_arguments() -> None:
    state = {
        "Type": "Parallel",
        "Arguments": {"n": "{% $states.input.n + 1 %}"},
        "Branches": [branch({"Type": "Pass", "End": True}, "A"), branch({"Type": "Succeed"}, "B")],
        "Output": "{% $states.result.n %}",
        "End": True,
    }

    assert run_machine(jsonata("P", P=state), {"n": 1}).output == [2, 2]


def test_parallel_stops_the_other_branches_when_one_fails() -> None:
    def fail(_payload: Any) -> None:
        raise FunctionError("Broken")

    functions = FakeLambda({"slow": sleeping(60), "bad": fail})
    state = {"Type": "Parallel", "Branches": [branch(invoke("slow"), "A"), branch(invoke("bad"), "B")], "End": True}

    execution = run_machine(jsonata("P", P=state), functions=functions)

    assert (execution.status, execution.error) == ("FAILED", "Broken")
    assert execution.stop_date == execution.start_date
    assert event_types(execution)[-3:] == ["TaskStateAborted", "ParallelStateFailed", "ExecutionFailed"]


def test_parallel_reshapes_its_result_when_it_is_jsonpath() -> None:
    state = {
        "Type": "Parallel",
        "Branches": [branch({"Type": "Pass", "Result": n, "End": True}, f"S{n}") for n in (1, 2)],
        "ResultSelector": {"first.$": "$[0]", "count.$": "States.ArrayLength($)"},
        "ResultPath": "$.result",
        "End": True,
    }

    execution = run_machine(jsonpath("P", P=state), {"kept": True})

    assert execution.output == {"kept": True, "result": {"first": 1, "count": 2}}
