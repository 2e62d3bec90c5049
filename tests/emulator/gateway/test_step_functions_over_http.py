"""boto3's Step Functions client against the gateway."""

import subprocess
import sys
from datetime import UTC, datetime

import pytest
from botocore.exceptions import ClientError

from emulator.errors import AwsError
from emulator.gateway import client_environment
from emulator.identity import Identity
from tests.emulator.gateway.conftest import MakeClient
from tests.emulator.gateway.fakes import FakeService

MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:UserBatch"
NOW = datetime(2026, 11, 22, 8, 0, 0, 250000, tzinfo=UTC)
SYNC_ANSWER = {
    "executionArn": MACHINE.replace("stateMachine", "express") + ":a:b",
    "startDate": NOW,
    "stopDate": NOW,
    "status": "SUCCEEDED",
    "output": "{}",
}


def test_start_execution_arrives_and_its_time_returns_when_called(client: MakeClient, states: FakeService) -> None:
    states.answers["StartExecution"] = {"executionArn": "arn", "startDate": NOW}
    answer = client("stepfunctions").start_execution(stateMachineArn=MACHINE, name="n", input='{"a":1}')
    assert states.requests == [("StartExecution", {"stateMachineArn": MACHINE, "name": "n", "input": '{"a":1}'})]
    assert answer["startDate"] == NOW


def test_error_keeps_its_code_when_the_protocol_is_json(client: MakeClient, states: FakeService) -> None:
    states.answers["StartExecution"] = AwsError("ExecutionAlreadyExists", "Execution Already Exists: 'n'")
    aws = client("stepfunctions")
    with pytest.raises(aws.exceptions.ExecutionAlreadyExists, match="Already Exists: 'n'"):
        aws.start_execution(stateMachineArn=MACHINE, name="n")


def test_required_member_is_asked_for_when_a_client_does_not_check(client: MakeClient) -> None:
    with pytest.raises(ClientError, match="stateMachineArn is required") as caught:
        client("stepfunctions", parameter_validation=False).start_execution()
    assert caught.value.response["Error"]["Code"] == "ValidationException"


def test_start_sync_execution_works_when_host_prefixes_are_off_in_the_client(
    client: MakeClient, states: FakeService
) -> None:
    states.answers["StartSyncExecution"] = SYNC_ANSWER
    answer = client("stepfunctions", inject_host_prefix=False).start_sync_execution(stateMachineArn=MACHINE)
    assert answer["status"] == "SUCCEEDED"


def test_start_sync_execution_works_when_the_program_has_the_gateways_environment(
    gateway_url: str, states: FakeService
) -> None:
    """Source: https://github.com/boto/botocore/pull/3361 (AWS_DISABLE_HOST_PREFIX_INJECTION)"""
    # GIVEN a program that knows nothing of the emulator
    states.answers["StartSyncExecution"] = SYNC_ANSWER
    program = (
        "import boto3, sys; c = boto3.client('stepfunctions'); "
        f"print(c.start_sync_execution(stateMachineArn={MACHINE!r})['output'])"
    )
    # WHEN it runs with the environment for clients
    environment = client_environment(gateway_url, Identity())
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    # THEN it gets the answer
    assert (done.stdout.strip(), done.returncode) == ("{}", 0), done.stderr
