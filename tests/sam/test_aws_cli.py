"""The AWS CLI as a person uses it, against the emulator's endpoint."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from emulator.gateway.client_environment import client_environment
from emulator.identity import Identity
from tests.local.background_stack import BackgroundStack
from tests.sam.run_state import EVENTS, RunState
from tests.sam.sam_cli import SAM_BIN

Aws = Callable[..., subprocess.CompletedProcess[str]]
ROLE = "arn:aws:iam::123456789012:role/any"
DEFINITION = {"StartAt": "Greet", "States": {"Greet": {"Type": "Pass", "Result": {"greeting": "hello"}, "End": True}}}


@pytest.fixture
def aws(stack: BackgroundStack, work_dir: Path) -> Aws:
    """Runs `aws --endpoint-url <emulator> ...`."""
    url = stack.stack.emulator.url
    environment = client_environment(url, Identity())
    del environment["AWS_ENDPOINT_URL"]  # the option has to do it
    environment |= {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(work_dir)}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(SAM_BIN / "aws"), "--endpoint-url", url, "--output", "json", *arguments]
        return subprocess.run(command, env=environment, cwd=work_dir, capture_output=True, text=True, check=False)

    return run


@pytest.fixture
def read_stream(stack: BackgroundStack, state: RunState) -> Iterator[None]:
    """The mapping hands records to WriteRows during the test."""
    client, mapping = stack.client("lambda"), stack.stack.stack.outputs["RowStreamMappingId"]
    client.update_event_source_mapping(UUID=mapping, Enabled=True)
    yield
    client.update_event_source_mapping(UUID=mapping, Enabled=False)


@pytest.mark.usefixtures("read_stream")
def test_start_sync_execution_runs_the_sample_schedule(aws: Aws, stack: BackgroundStack, state: RunState) -> None:
    done = aws(
        "stepfunctions", "start-sync-execution", "--state-machine-arn", stack.stack.state_machine_arn,
        "--input", f"file://{EVENTS / '01-schedule.json'}",
    )  # fmt: skip

    answer = _read(done)
    assert answer["status"] == "SUCCEEDED", answer
    assert json.loads(answer["output"])["status"] == "COMPLETE"
    assert state.ledger() == [("20261122T083000Z", "COMPLETE", 5, 5, 0, 0)]


@pytest.mark.usefixtures("read_stream")
def test_express_execution_starts_and_is_not_described(aws: Aws, stack: BackgroundStack) -> None:
    started = _read(
        aws("stepfunctions", "start-execution", "--state-machine-arn", stack.stack.state_machine_arn, "--input", "{}")
    )
    arn = started["executionArn"]

    described = aws("stepfunctions", "describe-execution", "--execution-arn", arn)
    history = aws("stepfunctions", "get-execution-history", "--execution-arn", arn)

    ended = stack.do(stack.stack.emulator.state_machines.find_execution(arn).wait())
    assert ended.output["status"] == "COMPLETE"
    # https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeExecution.html
    for refused in (described, history):
        assert refused.returncode != 0
        assert "(InvalidArn)" in refused.stderr


def test_standard_execution_has_a_description_and_a_history(aws: Aws, stack: BackgroundStack) -> None:
    machine = _read(
        aws(
            "stepfunctions", "create-state-machine", "--name", "Greeting", "--role-arn", ROLE,
            "--definition", json.dumps(DEFINITION),
        )
    )["stateMachineArn"]  # fmt: skip
    execution = _read(aws("stepfunctions", "start-execution", "--state-machine-arn", machine))["executionArn"]
    stack.do(stack.stack.emulator.state_machines.find_execution(execution).wait())

    described = _read(aws("stepfunctions", "describe-execution", "--execution-arn", execution))
    events = _read(aws("stepfunctions", "get-execution-history", "--execution-arn", execution))["events"]

    assert aws("stepfunctions", "delete-state-machine", "--state-machine-arn", machine).returncode == 0
    assert (described["status"], json.loads(described["output"])) == ("SUCCEEDED", {"greeting": "hello"})
    assert [event["type"] for event in events] == [
        "ExecutionStarted", "PassStateEntered", "PassStateExited", "ExecutionSucceeded",
    ]  # fmt: skip


@pytest.mark.usefixtures("state")
def test_lambda_invoke_answers_and_says_what_failed(aws: Aws, stack: BackgroundStack, tmp_path: Path) -> None:
    name, out = stack.stack.stack.outputs["ListUsersFunctionName"], tmp_path / "answer.json"

    invoked = aws(
        "lambda", "invoke", "--function-name", name, "--payload", f"file://{EVENTS / '02-list_users.json'}", str(out)
    )
    answer = json.loads(out.read_text())
    failed = aws("lambda", "invoke", "--function-name", name, "--payload", "{}", str(out))

    assert _read(invoked)["StatusCode"] == 200
    assert (answer["started"], answer["users_listed"]) == (True, 5)
    assert _read(failed)["FunctionError"] == "Unhandled"
    assert json.loads(out.read_text())["errorType"] == "InvalidEventError"


def _read(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
