"""Where runs are read from, and what is said when they are not there."""

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from batchctl.errors import BatchctlError, UsageError
from batchctl.runs.archive import Archive
from batchctl.runs.stack_facts import FUNCTIONS, make_stack_facts
from batchctl.runs.target import ArchiveTarget, LiveTarget, LocalUpTarget, open_target
from tests.batchctl.runs.made_up_run import RUN_ID, MadeUpRun, make_data
from tests.fakes.aws_server import serve_aws

OUTPUTS = {"RunBucketName": "bucket", **{f"{name}LogGroupName": f"/aws/lambda/x-{name}" for name in FUNCTIONS}}
PARAMETERS = {
    "TenantGroup": "acme", "ChunkConcurrency": "8", "SliceConcurrency": "8", "UsersPerInvocation": "250",
    "CallsInFlight": "250", "SyncUsersTimeoutSeconds": "60", "CloseRunWaitSeconds": "60", "ShardCount": "2",
    "WriteParallelizationFactor": "3", "PartnerApiTimeoutSeconds": "5", "SyncUsersReservedConcurrency": "0",
    "RunRetentionDays": "7",
}  # fmt: skip
NO_STACK = (
    b"<ErrorResponse><Error><Code>ValidationError</Code><Message>Stack with id nobody does not exist</Message></Error>"
    b"</ErrorResponse>"
)


@pytest.fixture(autouse=True)
def _no_credentials(tmp_path: Path) -> Iterator[None]:
    given = {
        "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": str(tmp_path / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"), "PATH": os.environ["PATH"], "HOME": str(tmp_path),
    }  # fmt: skip
    with patch.dict(os.environ, given, clear=True):
        yield


def write_endpoints(path: Path, **changes: Any) -> Path:
    document = {
        "gateway_url": "http://127.0.0.1:9",
        "region": "us-east-1",
        "outputs": OUTPUTS,
        "parameters": PARAMETERS,
    }
    path.write_text(json.dumps({**document, **changes}))
    return path


def test_open_target_is_the_archive_when_no_stack_is_up(tmp_path: Path) -> None:
    Archive(tmp_path).save(make_data())

    target = open_target(endpoints_path=tmp_path / "absent.json", archive_dir=tmp_path)

    assert isinstance(target, ArchiveTarget)
    assert (target.newest(), target.source_of(RUN_ID)) == (RUN_ID, None)
    assert target.collect(RUN_ID) == make_data()


@pytest.mark.parametrize("changes", [{}, {"outputs": None}, {"gateway_url": "http://127.0.0.1:1"}])
def test_open_target_is_the_archive_when_a_killed_stack_left_its_file(tmp_path: Path, changes: dict[str, Any]) -> None:
    path = write_endpoints(tmp_path / "endpoints.json", **changes)

    assert isinstance(open_target(endpoints_path=path, archive_dir=tmp_path), ArchiveTarget)


def test_open_target_is_the_stack_that_is_up(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        target = open_target(endpoints_path=write_endpoints(tmp_path / "e.json", gateway_url=url), archive_dir=tmp_path)

    assert isinstance(target, LocalUpTarget)
    facts = target.source.facts
    assert (facts.origin, facts.tenant_group, facts.bucket, facts.options) == ("this machine", "acme", "bucket", "")
    assert facts.caps is not None
    assert (facts.caps.write_concurrency, facts.caps.slice_concurrency) == (6, 8)


def test_open_target_refuses_a_region_without_a_stack() -> None:
    with pytest.raises(UsageError, match="--region is for a stack on AWS"):
        open_target(region="eu-west-1")


def test_open_target_asks_for_a_region_when_there_is_none() -> None:
    with pytest.raises(BatchctlError, match="stack acme: no region: give --region"):
        open_target("acme")


def test_open_target_asks_for_credentials_when_there_are_none() -> None:
    with pytest.raises(BatchctlError, match="stack acme in eu-west-1: no AWS credentials: set AWS_PROFILE"):
        open_target("acme", "eu-west-1")


def test_open_target_says_that_a_stack_does_not_exist() -> None:
    with serve_aws((400, NO_STACK)) as aws:
        keys = {"AWS_ENDPOINT_URL": aws.url, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
        with (
            patch.dict(os.environ, keys),
            pytest.raises(BatchctlError, match="stack nobody does not exist in eu-west-1: `batchctl groups list`"),
        ):
            open_target("nobody", "eu-west-1")


def test_open_target_reads_names_and_parameters_of_a_stack_on_aws() -> None:
    outputs = "".join(
        f"<member><OutputKey>{key}</OutputKey><OutputValue>{value}</OutputValue></member>"
        for key, value in OUTPUTS.items()
    )
    parameters = "".join(
        f"<member><ParameterKey>{key}</ParameterKey><ParameterValue>{value}</ParameterValue></member>"
        for key, value in PARAMETERS.items()
    )
    stack = (
        "<member><StackName>acme</StackName><CreationTime>2026-01-01T00:00:00Z</CreationTime>"
        f"<StackStatus>CREATE_COMPLETE</StackStatus><Outputs>{outputs}</Outputs><Parameters>{parameters}</Parameters></member>"
    )
    body = f"<R><DescribeStacksResult><Stacks>{stack}</Stacks></DescribeStacksResult></R>".encode()
    with serve_aws((200, body)) as aws:
        keys = {"AWS_ENDPOINT_URL": aws.url, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
        with patch.dict(os.environ, keys):
            target = open_target("acme", "eu-west-1")

    assert isinstance(target, LiveTarget)
    facts = target.source.facts
    assert (facts.origin, facts.options) == ("stack acme in eu-west-1", " --stack acme --region eu-west-1")
    assert facts.log_groups["SyncUsers"] == "/aws/lambda/x-SyncUsers"


def test_stack_facts_name_the_output_that_another_template_lacks() -> None:
    with pytest.raises(BatchctlError, match="stack x has no output RunBucketName"):
        make_stack_facts({}, {}, origin="stack x", options="")


def test_stack_facts_have_no_caps_when_a_parameter_is_unknown() -> None:
    assert make_stack_facts(OUTPUTS, {"TenantGroup": "acme"}, origin="x", options="").caps is None


def test_local_up_target_finds_past_runs_as_well(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    archive.save(make_data())
    run = MadeUpRun(run_id="20261122T090000Z").play()
    target = LocalUpTarget(run.source, ArchiveTarget(archive))

    assert [head.run_id for head in target.heads(5)] == ["20261122T090000Z", RUN_ID]
    assert target.newest() == "20261122T090000Z"
    assert target.collect(RUN_ID) == make_data()
    assert (target.source_of(RUN_ID), target.source_of("20261122T090000Z")) == (None, run.source)
