"""`batchctl stop` and `batchctl resume` over a bucket in memory."""

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

import pytest
from botocore.exceptions import ClientError
from express_batch.run_layout import STOP_KEY
from express_batch.stop_switch import CHECK_SECONDS, StopSwitch
from typer.testing import CliRunner

from batchctl.control import commands
from batchctl.control.switch import KillSwitch
from batchctl.main import app
from batchctl.redrive.one_redrive import Ended
from batchctl.redrive.stack import BatchStack
from tests.fakes.object_store import MemoryStore

NOW = 1_795_336_200.0


class FakeS3:
    """The five calls that the switch needs."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.now = NOW

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        if Key not in self.objects:
            raise ClientError({"Error": {"Code": "NoSuchKey", "Message": Bucket}}, "GetObject")
        return {"Body": io.BytesIO(self.objects[Key]), "LastModified": datetime.fromtimestamp(self.now, UTC)}

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, IfNoneMatch: str = "", **_: str) -> None:  # noqa: N803
        if Key in self.objects and IfNoneMatch == "*":
            raise ClientError({"Error": {"Code": "PreconditionFailed", "Message": Bucket}}, "PutObject")
        self.objects[Key] = Body

    def delete_object(self, *, Bucket: str, Key: str) -> None:  # noqa: N803
        assert Bucket == "bucket"
        self.objects.pop(Key, None)

    def get_paginator(self, _name: str) -> "FakeS3":
        return self

    def paginate(self, **_: str) -> Iterator[dict[str, Any]]:
        runs = sorted({key.split("/")[1] for key in self.objects if key.startswith("runs/")})
        yield {"CommonPrefixes": [{"Prefix": f"runs/{run_id}/"} for run_id in runs]}

    def add_run(self, run_id: str, claimed_at: float, closed: dict[str, Any] | None) -> None:
        self.objects[f"runs/{run_id}/started.json"] = json.dumps({"claimed_at": claimed_at}).encode()
        if closed is not None:
            self.objects[f"runs/{run_id}/closed.json"] = json.dumps(closed).encode()

    @property
    def stack(self) -> BatchStack:
        return BatchStack("stack acme", {"RunBucketName": "bucket"}, lambda *_, **__: self)


@pytest.fixture
def s3() -> Iterator[FakeS3]:
    """The bucket that the commands reach."""
    fake = FakeS3()
    with patch.object(commands, "open_stack", lambda *_: fake.stack):
        yield fake


def run(*arguments: str) -> str:
    """What the command prints when it ends well."""
    result = CliRunner().invoke(app, [*arguments], catch_exceptions=False, env={"COLUMNS": "200"})
    assert result.exit_code == 0
    return result.stdout


def test_stop_puts_what_the_functions_look_for() -> None:
    fake, store = FakeS3(), MemoryStore()
    KillSwitch(fake.stack).put_on("partner down")
    store.objects = fake.objects
    switch = StopSwitch(store)

    assert (switch.is_on(), switch.reason) == (True, "partner down")


@pytest.mark.parametrize("reason", ["see [/tickets]", "[bold]4711", "\\["])
def test_stop_and_resume_show_the_reason_whatever_it_looks_like(s3: FakeS3, reason: str) -> None:
    assert reason in run("stop", "--reason", reason)
    assert reason in run("resume")


def test_stop_says_since_when_and_how_to_resume(s3: FakeS3) -> None:
    text = run("stop", "--reason", "partner down", "--stack", "acme")

    assert "stopped since" in text
    assert "partner down" in text
    assert "batchctl resume --stack acme" in text
    assert "already stopped since" in run("stop", "--reason", "another")
    assert KillSwitch(s3.stack).read() is not None


def test_resume_names_each_run_with_its_command(s3: FakeS3) -> None:
    KillSwitch(s3.stack).put_on("quiet", now=lambda: NOW)
    partial = {"status": "PARTIAL", "failed_by_reason": {"StoppedError": 1200, "ApiServerError": 3}}
    s3.add_run("20261122T083000Z", NOW - 5, partial)
    s3.add_run("20261122T083000Z-r1", NOW - 5, {"status": "PARTIAL", "failed_by_reason": {"StoppedError": 900}})
    s3.add_run("20261121T083000Z-r1", NOW - 5, partial)
    s3.add_run("20261122T084000Z", NOW + 600, {"status": "STOPPED"})
    s3.add_run("20261122T082000Z", NOW - 600, partial)  # of an earlier stop
    s3.add_run("20261122T085000Z", NOW + 650, {"status": "COMPLETE", "failed_by_reason": {}})

    text = run("resume", "--stack", "acme")

    assert "run 20261122T083000Z: 1,200 users were not called for" in text
    assert "batchctl redrive 20261122T083000Z --reason StoppedError --stack acme" in text
    assert text.count("batchctl redrive 20261122T083000Z") == 1  # its redrive's users are its own
    assert "batchctl redrive 20261121T083000Z --reason" in text
    assert "1 run listed nobody meanwhile" in text
    assert "T082000Z" not in text
    assert STOP_KEY not in s3.objects


def test_resume_names_a_run_that_still_goes(s3: FakeS3) -> None:
    switch = KillSwitch(s3.stack)
    switch.put_on("quiet", now=lambda: NOW)
    s3.add_run("20261122T083000Z", NOW - 5, None)

    assert switch.find_runs(NOW, now=lambda: NOW + 20).going == ("20261122T083000Z",)
    assert switch.find_runs(NOW, now=lambda: NOW + 20).died == ()


def test_resume_names_a_run_that_died_while_calls_were_stopped(s3: FakeS3) -> None:
    KillSwitch(s3.stack).put_on("quiet")
    s3.add_run("20261122T083000Z", NOW - 5, None)

    assert "run 20261122T083000Z has ended without an account: `batchctl redrive 20261122T083000Z`" in run("resume")


@pytest.mark.parametrize("stop", [{"reason": "quiet", "stopped_at": NOW + 3600}, {"reason": "quiet"}])
def test_resume_looks_from_when_the_stop_was_put_whatever_the_clock_of_who_put_it(
    s3: FakeS3, stop: dict[str, Any]
) -> None:
    s3.objects[STOP_KEY] = json.dumps(stop).encode()
    partial = {"status": "PARTIAL", "failed_by_reason": {"StoppedError": 7}}
    s3.add_run("20261122T083000Z", NOW - 5, partial)
    s3.add_run("20261121T083000Z", NOW - 86_400, partial)

    assert list(json.loads(run("resume", "--json"))["to_redrive"]) == ["20261122T083000Z"]


@pytest.mark.parametrize(("status", "exit_code"), [("COMPLETE", 0), ("PARTIAL", 1), ("FAILED", 1)])
def test_resume_ends_badly_when_a_redrive_leaves_somebody(s3: FakeS3, status: str, exit_code: int) -> None:
    KillSwitch(s3.stack).put_on("quiet", now=lambda: NOW)
    s3.add_run("20261122T083000Z", NOW - 5, {"status": "PARTIAL", "failed_by_reason": {"StoppedError": 7}})

    with patch.object(commands, "run", lambda *_: Ended(status, "20261122T083000Z-r1", None)):
        result = CliRunner().invoke(app, ["resume", "--redrive"])

    assert result.exit_code == exit_code
    assert f"7 users again in 20261122T083000Z-r1, {status}" in result.stdout


def test_resume_says_that_calls_are_resumed_when_its_redrive_is_not_waited_for(s3: FakeS3) -> None:
    KillSwitch(s3.stack).put_on("quiet", now=lambda: NOW)
    s3.add_run("20261122T083000Z", NOW - 5, {"status": "PARTIAL", "failed_by_reason": {"StoppedError": 7}})

    with patch.object(commands, "run", side_effect=KeyboardInterrupt):
        result = CliRunner().invoke(app, ["resume", "--redrive"])

    assert result.exit_code == 130
    assert "calls are resumed; a redrive that had begun goes on" in result.stderr
    assert STOP_KEY not in s3.objects


def test_resume_does_nothing_when_calls_are_not_stopped(s3: FakeS3) -> None:
    assert "nothing to resume" in run("resume")
    assert s3.objects == {}


def test_stop_wants_a_reason(s3: FakeS3) -> None:
    assert CliRunner().invoke(app, ["stop", "--reason", "  "]).exit_code != 0
    assert s3.objects == {}


def test_switch_is_off_for_every_environment_when_taking_it_off_returns() -> None:
    s3 = FakeS3()
    KillSwitch(s3.stack).put_on("quiet", now=lambda: NOW)
    asleep: list[float] = []

    def sleep(seconds: float) -> None:
        assert STOP_KEY not in s3.objects
        asleep.append(seconds)

    KillSwitch(s3.stack).take_off(sleep=sleep)

    assert asleep == [CHECK_SECONDS]
