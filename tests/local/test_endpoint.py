"""The endpoint as boto3 sees it, on a stack made of template.yaml."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.background_stack import BackgroundStack


def test_start_execution_answers_as_express_does(stack: BackgroundStack) -> None:
    client = stack.client("stepfunctions")

    answer = client.start_execution(
        stateMachineArn=stack.stack.state_machine_arn, input=json.dumps({"scheduled_time": stack.new_time()})
    )

    arn = answer["executionArn"]
    assert ":express:" in arn
    stack.do(stack.stack.emulator.state_machines.find_execution(arn).wait())
    with pytest.raises(ClientError) as refused:
        client.describe_execution(executionArn=arn)
    assert refused.value.response["Error"]["Code"] == "InvalidArn"


def test_start_sync_execution_waits_for_the_run(stack: BackgroundStack) -> None:
    client = stack.client("stepfunctions")
    client.meta.config.inject_host_prefix = False

    answer = client.start_sync_execution(
        stateMachineArn=stack.stack.state_machine_arn, input=json.dumps({"scheduled_time": stack.new_time()})
    )

    assert answer["status"] == "SUCCEEDED"
    assert json.loads(answer["output"])["status"] == "COMPLETE"


def test_mapping_has_every_failure_property_of_the_template(stack: BackgroundStack) -> None:
    (mapping,) = stack.client("lambda").list_event_source_mappings()["EventSourceMappings"]

    assert mapping["BisectBatchOnFunctionError"] is True
    assert mapping["MaximumRetryAttempts"] == 20
    assert mapping["MaximumRecordAgeInSeconds"] == 3600
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["DestinationConfig"]["OnFailure"]["Destination"].startswith("arn:aws:sqs:")


def test_program_of_its_own_can_create_function_and_state_machine(stack: BackgroundStack, tmp_path: Any) -> None:
    import io
    import zipfile

    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("app.py", "def handler(event, context):\n    return {'twice': event['number'] * 2}\n")
    lambdas, machines = stack.client("lambda"), stack.client("stepfunctions")
    function = lambdas.create_function(
        FunctionName="twice",
        Runtime="python3.13",
        Role="arn:aws:iam::123456789012:role/any",
        Handler="app.handler",
        Code={"ZipFile": archive.getvalue()},
    )
    definition = {
        "QueryLanguage": "JSONata",
        "StartAt": "Twice",
        "States": {
            "Twice": {
                "Type": "Task",
                "Resource": "arn:aws:states:::lambda:invoke",
                "Arguments": {"FunctionName": function["FunctionArn"], "Payload": "{% $states.input %}"},
                "Output": "{% $states.result.Payload %}",
                "End": True,
            }
        },
    }
    machine = machines.create_state_machine(
        name="Twice", definition=json.dumps(definition), roleArn="arn:aws:iam::123456789012:role/any"
    )

    started = machines.start_execution(stateMachineArn=machine["stateMachineArn"], input='{"number": 21}')
    stack.do(stack.stack.emulator.state_machines.find_execution(started["executionArn"]).wait())
    described = machines.describe_execution(executionArn=started["executionArn"])
    history = machines.get_execution_history(executionArn=started["executionArn"])["events"]

    machines.delete_state_machine(stateMachineArn=machine["stateMachineArn"])
    lambdas.delete_function(FunctionName="twice")
    assert json.loads(described["output"]) == {"twice": 42}
    assert history[0]["type"] == "ExecutionStarted"
    assert history[-1]["type"] == "ExecutionSucceeded"


def test_template_resources_without_effect_are_listed_by_name(stack: BackgroundStack) -> None:
    names = {item.resource_type for item in stack.stack.stack.not_emulated}

    assert {"AWS::S3::BucketPolicy", "AWS::Scheduler::Schedule"} <= names


def test_throttled_invocation_says_why(stack: BackgroundStack) -> None:
    lambdas, name = stack.client("lambda"), stack.stack.stack.outputs["CloseRunFunctionName"]
    lambdas.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    try:
        with pytest.raises(ClientError) as refused:
            lambdas.invoke(FunctionName=name)
    finally:
        lambdas.delete_function_concurrency(FunctionName=name)

    assert refused.value.response["Error"]["Code"] == "TooManyRequestsException"
    assert dict(refused.value.response)["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
