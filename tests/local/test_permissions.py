"""A permission that template.yaml lacks fails here, as it would on AWS."""

import re
from pathlib import Path

import pytest

from batchctl.local import boundary
from batchctl.local.options import LocalOptions
from batchctl.project_tree import PROJECT_ROOT, TEMPLATE
from emulator.stack import CreateError
from tests.local.background_stack import BackgroundStack


def write_template(old: str, new: str) -> Path:
    """A copy of template.yaml beside it, where its paths hold, with every `old` replaced."""
    text = TEMPLATE.read_text()
    assert old in text
    path = PROJECT_ROOT / f".template-{re.sub('[^a-z]', '', new.lower())}.yaml"
    path.write_text(text.replace(old, new))
    return path


def start(template: Path) -> BackgroundStack:
    """A stack of 20 users out of another template."""
    return BackgroundStack(LocalOptions(users=20, api_latency_ms=1, template=template))


def test_slices_fail_when_their_function_may_not_put_records() -> None:
    template = write_template("Action: kinesis:PutRecords", "Action: kinesis:DescribeLimits")
    try:
        with start(template) as stack:
            account = stack.run_batch().output
            refused = stack.stack.emulator.access.refused
    finally:
        template.unlink()

    assert account["users_failed"] == 20
    assert {action for _role, action in refused} == {"kinesis:PutRecords"}


def test_run_fails_when_the_machine_may_not_invoke_the_alias() -> None:
    template = write_template("- !Ref ListUsersFunction.Alias", "- !GetAtt ListUsersFunction.Arn")
    try:
        with start(template) as stack:
            execution = stack.run_batch()
    finally:
        template.unlink()

    assert execution.status == "FAILED"
    assert "is not authorized to perform: lambda:InvokeFunction" in str(execution.cause)


def test_stack_is_not_made_when_the_writer_may_not_read_the_stream() -> None:
    template = write_template("- kinesis:GetRecords", "- kinesis:ListStreams")
    try:
        with pytest.raises(CreateError, match="kinesis:GetRecords is not allowed"), start(template):
            pass
    finally:
        template.unlink()


def test_slices_fail_when_the_boundary_does_not_let_their_function_put_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Although its own policy allows it: local runs find a boundary that is too narrow."""
    narrow = tmp_path / "deploy-roles.yaml"
    narrow.write_text(boundary.DEPLOY_ROLES.read_text().replace("- kinesis:PutRecords", "- kinesis:DescribeLimits"))
    monkeypatch.setattr(boundary, "DEPLOY_ROLES", narrow)

    with start(PROJECT_ROOT / "template.yaml") as stack:
        account = stack.run_batch().output
        refused = stack.stack.emulator.access.refused

    assert account["users_failed"] == 20
    assert {action for _role, action in refused} == {"kinesis:PutRecords"}


def test_good_run_is_refused_nothing(stack: BackgroundStack) -> None:
    assert stack.run_batch().output["status"] == "COMPLETE"

    assert stack.stack.parameters()["PermissionsBoundaryName"] == "ExpressBatchBoundary"  # by which it was judged too
    assert stack.stack.emulator.access.refused == {}
