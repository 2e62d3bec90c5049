"""The 256 KiB of a payload, and the 25,000 events of a STANDARD execution.

Source: https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
"""

import json

import pytest

from tests.emulator.step_functions.doubles import FakeLambda, invoke, jsonata, run_machine

LIMIT = 262_144
PASS = jsonata("A", A={"Type": "Pass", "End": True})


def test_input_is_taken_when_it_has_exactly_the_limit() -> None:
    assert run_machine(PASS, "x" * (LIMIT - 2)).status == "SUCCEEDED"


def test_input_is_refused_when_its_utf8_bytes_pass_the_limit() -> None:
    # GIVEN fewer characters than the limit, of three bytes each
    execution = run_machine(PASS, "あ" * 100_000)

    assert (execution.status, execution.error) == ("FAILED", "States.DataLimitExceeded")


def test_output_over_the_limit_fails_the_execution_in_awss_words() -> None:
    execution = run_machine(jsonata("A", A={"Type": "Pass", "Output": "{% $pad('', 262143, 'x') %}", "End": True}))

    assert (execution.error, execution.cause) == (
        "States.DataLimitExceeded",
        "The state/task 'A' returned a result with a size exceeding the maximum number of bytes service limit.",
    )


def test_task_payload_over_the_limit_is_not_sent() -> None:
    functions = FakeLambda({"f": lambda _payload: 1})

    execution = run_machine(jsonata("A", A=invoke("f", "{% $pad('', 262143, 'x') %}")), functions=functions)

    assert (execution.error, functions.calls) == ("States.DataLimitExceeded", [])


@pytest.mark.parametrize(("characters", "status"), [(260_000, "SUCCEEDED"), (LIMIT - 2, "FAILED")])
def test_task_result_counts_with_its_metadata(characters: int, status: str) -> None:
    # The answer of lambda:invoke holds the payload and the HTTP metadata, and all of it counts.
    functions = FakeLambda({"f": lambda _payload: "x" * characters})

    execution = run_machine(jsonata("A", A=invoke("f", Output="{% null %}")), functions=functions)

    assert execution.status == status
    if status == "FAILED":
        assert execution.error == "States.DataLimitExceeded"
        assert "'lambda'" in (execution.cause or "")


def test_variables_of_one_assign_over_the_limit_fail_the_execution() -> None:
    # Source: https://docs.aws.amazon.com/step-functions/latest/dg/workflow-variables.html
    half = "{% $pad('', 131073, 'x') %}"
    execution = run_machine(jsonata("A", A={"Type": "Pass", "Assign": {"a": half, "b": half}, "End": True}))

    assert execution.error == "States.DataLimitExceeded"


def loop_definition(rounds: int) -> dict[str, object]:
    """Counts to `rounds`; each round makes four events."""
    return jsonata(
        "Start",
        Start={"Type": "Pass", "Output": {"n": 0}, "Next": "Add"},
        Add={"Type": "Pass", "Output": {"n": "{% $states.input.n + 1 %}"}, "Next": "More"},
        More={
            "Type": "Choice",
            "Choices": [{"Condition": f"{{% $states.input.n < {rounds} %}}", "Next": "Add"}],
            "Default": "Done",
        },
        Done={"Type": "Succeed"},
    )


def test_standard_execution_fails_when_it_has_too_many_events() -> None:
    execution = run_machine(loop_definition(7000), kind="STANDARD")

    assert execution.status == "FAILED"
    assert execution.history.count == 25_000
    assert execution.cause == "The execution reached the maximum number of history events (25000)."


def test_express_execution_goes_on_when_a_standard_one_would_have_too_many_events() -> None:
    execution = run_machine(loop_definition(7000))

    assert execution.status == "SUCCEEDED"
    assert execution.history.count > 25_000
    assert json.dumps(execution.output) == '{"n": 7000}'
