"""Invoking Lambda functions.

Source: https://docs.aws.amazon.com/step-functions/latest/dg/connect-lambda.html
"""

import json
from typing import Any

import pytest

from emulator.errors import AwsError
from tests.emulator.step_functions.doubles import (
    FakeLambda,
    FunctionError,
    create_machine,
    event_types,
    invoke,
    jsonata,
    jsonpath,
    make_service,
    run_machine,
)
from tests.fakes.virtual_time import run_virtual

ARN = "arn:aws:lambda:us-east-1:123456789012:function:f"


def test_optimized_integration_gives_the_answer_with_its_metadata() -> None:
    state = invoke("f", {"n": 1}, Output="{% $states.result %}")

    result = run_machine(jsonata("A", A=state), functions={"f": lambda payload: payload}).output

    assert result["ExecutedVersion"] == "$LATEST"
    assert result["Payload"] == {"n": 1}
    assert result["StatusCode"] == 200
    assert result["SdkResponseMetadata"] == {"RequestId": "request-1"}
    assert result["SdkHttpMetadata"]["HttpStatusCode"] == 200
    assert result["SdkHttpMetadata"]["HttpHeaders"]["X-Amz-Executed-Version"] == "$LATEST"


def test_recorded_text_of_a_result_is_the_json_of_its_value() -> None:
    # The text is put together, not encoded from the value: both must be the same.
    execution = run_machine(jsonata("A", A=invoke("f", {"n": 'あ"\\'})), functions={"f": lambda payload: payload})

    (output,) = (e.details["output"] for e in execution.history if e.type == "TaskSucceeded" and e.details)
    assert json.loads(output.text) == output.value


def test_function_arn_as_resource_gives_the_bare_answer() -> None:
    functions = FakeLambda({"f": lambda payload: {"got": payload}})
    state = {"Type": "Task", "Resource": ARN, "Arguments": {"n": "{% $states.input + 1 %}"}, "End": True}

    execution = run_machine(jsonata("A", A=state), 1, functions=functions)

    assert execution.output == {"got": {"n": 2}}
    assert functions.calls[0].function == ARN
    assert event_types(execution)[2:5] == [
        "LambdaFunctionScheduled",
        "LambdaFunctionStarted",
        "LambdaFunctionSucceeded",
    ]


def test_task_sends_its_input_when_it_has_no_parameters() -> None:
    state = {"Type": "Task", "Resource": ARN, "End": True}

    assert run_machine(jsonpath("A", A=state), {"n": 1}, functions={"f": lambda payload: payload}).output == {"n": 1}


def test_qualifier_is_added_to_the_function_name() -> None:
    functions = FakeLambda({"f:live": lambda _payload: 1})
    state = invoke("f", Arguments={"FunctionName": "f", "Qualifier": "live"})

    run_machine(jsonata("A", A=state), functions=functions)

    assert functions.calls[0].function == "f:live"


def test_function_error_names_the_exception_class_and_gives_the_answer_as_cause() -> None:
    def function(_payload: Any) -> None:
        raise FunctionError("ThrottledError", "slow down")

    execution = run_machine(jsonata("A", A=invoke("f")), functions={"f": function})

    assert (execution.status, execution.error) == ("FAILED", "ThrottledError")
    assert execution.cause == '{"errorMessage":"slow down","errorType":"ThrottledError"}'


def test_function_error_is_lambda_unknown_when_it_has_no_type() -> None:
    # "Lambda.Unknown": unhandled errors such as running out of memory
    # Source: https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
    def function(_payload: Any) -> None:
        raise FunctionError(None, "signal: killed")

    execution = run_machine(jsonata("A", A=invoke("f")), functions={"f": function})

    assert execution.error == "Lambda.Unknown"
    assert "signal: killed" in (execution.cause or "")


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("ResourceNotFoundException", "Lambda.ResourceNotFoundException"),
        ("TooManyRequestsException", "Lambda.TooManyRequestsException"),
        ("ServiceException", "Lambda.ServiceException"),
        ("Strange", "Lambda.AWSLambdaException"),
    ],
)
def test_refusal_of_lambda_itself_is_named_after_the_service(code: str, expected: str) -> None:
    # Source: https://docs.aws.amazon.com/step-functions/latest/dg/sfn-best-practices.html#bp-lambda-serviceexception
    def function(_payload: Any) -> None:
        raise AwsError(code, "refused", 429)

    execution = run_machine(jsonata("A", A=invoke("f")), functions={"f": function})

    assert execution.error == expected
    assert f"refused (Service: AWSLambda; Status Code: 429; Error Code: {code};" in (execution.cause or "")


def test_missing_function_name_fails_with_a_runtime_error() -> None:
    execution = run_machine(jsonata("A", A=invoke("f", Arguments={"Payload": 1})))

    assert execution.error == "States.Runtime"
    assert "'FunctionName' is required" in (execution.cause or "")


def test_unknown_argument_fails_with_a_runtime_error() -> None:
    execution = run_machine(jsonata("A", A=invoke("f", Arguments={"FunctionName": "f", "Paylaod": 1})))

    assert execution.error == "States.Runtime"
    assert "'Paylaod'" in (execution.cause or "")


def test_fault_of_a_port_is_raised_to_whoever_waits_and_the_execution_ends() -> None:
    # GIVEN a Lambda port that is broken
    def broken(_payload: Any) -> None:
        raise KeyError("bug")

    async def scenario() -> str:
        service = make_service(FakeLambda({"f": broken}))
        execution = await service.start(await create_machine(service, jsonata("A", A=invoke("f"))))
        with pytest.raises(KeyError, match="bug"):
            await execution.wait()
        await service.close()
        return execution.status

    # WHEN it is called THEN the fault is not hidden behind an AWS error
    assert run_virtual(scenario()) == "FAILED"


def trace_of(header: str | None, *, enabled: bool) -> dict[str, str]:
    """The trace header that the function received, taken apart."""

    async def scenario() -> str:
        functions = FakeLambda({"f": lambda _payload: 1})
        service = make_service(functions)
        definition = jsonata("A", A=invoke("f"))
        arn = await create_machine(service, definition, tracingConfiguration={"enabled": enabled})
        await (await service.start(arn, trace_header=header)).wait()
        await service.close()
        return functions.calls[0].trace_header or ""

    return dict(part.split("=") for part in run_virtual(scenario()).split(";"))


def test_trace_header_continues_the_callers_trace() -> None:
    # Source: https://docs.aws.amazon.com/step-functions/latest/dg/concepts-xray-tracing.html
    trace = trace_of("Root=1-5f84c7a5-example;Parent=53995c3f42cd8ad8;Sampled=1", enabled=True)

    assert (trace["Root"], trace["Sampled"]) == ("1-5f84c7a5-example", "1")
    assert len(trace["Parent"]) == 16


def test_trace_header_says_not_sampled_when_tracing_is_off() -> None:
    assert trace_of(None, enabled=False)["Sampled"] == "0"


@pytest.mark.parametrize("sampled", ["0", "1"])
def test_callers_trace_goes_on_when_tracing_is_off(sampled: str) -> None:
    # "If a trace ID is passed by an upstream service, Step Functions will then send traces": the page above.
    trace = trace_of(f"Root=1-5f84c7a5-example;Sampled={sampled}", enabled=False)

    assert (trace["Root"], trace["Sampled"]) == ("1-5f84c7a5-example", sampled)


def test_trace_header_starts_a_trace_when_there_is_none() -> None:
    trace = trace_of(None, enabled=True)

    version, epoch, identifier = trace["Root"].split("-")
    assert (version, int(epoch, 16), len(identifier)) == ("1", 1_800_000_000, 24)
    assert trace["Sampled"] == "1"
