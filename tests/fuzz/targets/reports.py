"""What batchctl reads: objects and log lines into reports, messages, answers of functions, files of earlier runs."""

import contextlib
import io
import json
import socket
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn
from unittest.mock import patch

from batchctl.console import Console
from batchctl.control.switch import KillSwitch
from batchctl.errors import BatchctlError
from batchctl.failures.failed_batches import FailedBatch, parse_message
from batchctl.failures.failed_users import count_users, name_users, read_failed_users
from batchctl.local.failure_text import describe_failure
from batchctl.local.summary import RunSummary
from batchctl.redrive.one_redrive import Ended, Left, _read_message, read_left, read_output
from batchctl.runs.aws_sources import read_segment
from batchctl.runs.collect import collect_run
from batchctl.runs.failure_records import read_cause
from batchctl.runs.listing import list_heads
from batchctl.runs.ports import LogLine
from batchctl.runs.run_data import RunData
from batchctl.runs.run_file import RunFileError, decode_head, decode_run, encode_run
from batchctl.runs.target import find_up_stack
from batchctl.runs.user_story import UnknownUserError, read_objects, tell_of_user
from batchctl.runs.views import make_runs_table, print_story, print_summary
from batchctl.runs.watching import watch_run
from tests.batchctl.runs.made_up_run import RUN_ID, START, MadeUpRun, make_data
from tests.batchctl.test_control import FakeS3
from tests.fuzz.target import Target
from tests.fuzz.targets.bucket import OneObject
from tests.fuzz.targets.objects import SLICE_FAILURE, user_failures

LATER = START + 3600
DOCUMENTS = (
    "started",
    "listing",
    "closed",
    "chunks/00000",
    "failures/SyncUsers-00000-00000",
    "failures/slice-00001-00000",
)


def _made_up() -> MadeUpRun:
    run = MadeUpRun(users=8, chunk_size=4, slice_size=2).play(status="PARTIAL", failed=3)
    run.fail_users(0, 0, [1])
    run.fail_slice(
        1, 0, 2, "Sandbox.Timedout", '{"errorMessage": "RequestId: 1 Error: Task timed out after 1.0 seconds"}'
    )
    run.traces.documents["1-5f-1"] = [{"name": "UserBatch"}]
    return run


def _tell(run: MadeUpRun) -> RunData:
    """Collected, printed, listed, told of a user, and kept."""
    data = collect_run(run.source, run.run_id, now=lambda: LATER)
    console = Console(file=io.StringIO(), width=120)
    print_summary(console, data)
    console.print(make_runs_table(list_heads(run.source, 5, now=lambda: LATER), "made up"))
    with contextlib.suppress(UnknownUserError):
        print_story(console, tell_of_user(data, "user-00001", read_objects(run.source, run.run_id)), run.run_id)
    return data


def _check_data(data: RunData) -> None:
    text = encode_run(data)
    text.encode()
    assert decode_run(text) == data


def _report_over_object(name: str, data: bytes) -> RunData:
    run = _made_up()
    key = f"runs/{RUN_ID}/{name}.json"
    assert key in run.objects.bodies
    run.objects.bodies[key] = data
    return _tell(run)


def _line_of(function: str, message: str) -> bytes:
    found = [line.message for line in _made_up().logs.lines[function] if message in line.message]
    return found[0].encode()


def _report_over_line(function: str, message: str, data: bytes) -> RunData:
    """`data` in place of the function's line; what is no text cannot come out of CloudWatch's answer."""
    run = _made_up()
    text = data.decode("utf-8", "surrogatepass")
    lines = run.logs.lines[function]
    index = next(number for number, line in enumerate(lines) if message in line.message)
    lines[index] = type(lines[index])(lines[index].timestamp, lines[index].stream, text, lines[index].event_id)
    run.logs.search = partial(_search, run)  # type: ignore[method-assign]
    return _tell(run)


def _search(run: MadeUpRun, function: str, _pattern: str, _start: float, _end: float) -> Iterator[LogLine]:
    """The fake finds what fits the pattern; CloudWatch's own idea of it is not trusted, so every line comes."""
    return iter(run.logs.lines[function])


def _watch(name: str, data: bytes) -> list[Any]:
    run = _made_up()
    del run.objects.bodies[f"runs/{RUN_ID}/closed.json"]
    run.objects.bodies[f"runs/{RUN_ID}/{name}.json"] = data
    times = iter([START + 1.0, START + 2.0, *[START + 400.0] * 10])
    return list(watch_run(run.source, RUN_ID, now=lambda: next(times), sleep=lambda _: None))


def _kept(data: bytes) -> RunData:
    run = decode_run(data)
    assert decode_head(data) == run.head
    return run


def _failed_users(data: bytes) -> Any:
    bucket = OneObject(f"runs/{RUN_ID}/failures/any.json", data)
    users, unreadable = read_failed_users(bucket, [RUN_ID], [])
    assert unreadable == 0 or not users
    return count_users(name_users(bucket, users[:100]))


def _message(data: bytes) -> FailedBatch:
    return parse_message({"MessageId": "m", "ReceiptHandle": "r", "Body": data.decode("utf-8", "replace")})


def _check_message(batch: FailedBatch) -> None:
    assert not batch.is_readable or (int(batch.start) >= 0 and int(batch.end) >= 0)
    assert batch.function_error is None or isinstance(batch.function_error, str)


def _left(data: bytes) -> Left:
    return read_left(RUN_ID, data, is_error=False)


def _refusal(data: bytes) -> Left:
    return read_left(RUN_ID, data, is_error=True)


def _check_left(left: Left) -> None:
    assert left.newest_redrive is None or left.newest_redrive.startswith(RUN_ID)


def _output(data: bytes) -> Ended:
    return read_output(RUN_ID, data.decode("utf-8", "replace"))


def _causes(data: bytes) -> tuple[str, str, str]:
    text = data.decode("utf-8", "replace")
    summary = RunSummary(RUN_ID, "FAILED", 0, 0, 0, 0, 0.0, 0.0, 0, 0, 0.0, 0, 0, {}, None)
    return read_cause(text)[0], _read_message(text), describe_failure(summary, "States.TaskFailed", text)


def _stop_of_operator(data: bytes) -> Any:
    s3 = FakeS3()
    s3.objects = {"control/stop.json": data}
    return KillSwitch(s3.stack).read()


def _stopped_runs(data: bytes) -> Any:
    s3 = FakeS3()
    s3.add_run(RUN_ID, START, None)
    s3.objects[f"runs/{RUN_ID}/closed.json"] = data
    s3.objects["runs/20261122T082000Z/started.json"] = data
    return KillSwitch(s3.stack).find_runs(START - 1000, now=lambda: LATER)


def _look_up(host: str, _port: int, *_: object) -> NoReturn:
    """A name server that knows nobody, and refuses what the real one's client refuses before it asks."""
    host.encode("idna")
    raise socket.gaierror(host)


def _endpoints(data: bytes) -> Any:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "endpoints.json"
        path.write_bytes(data)
        with patch.object(socket, "getaddrinfo", _look_up):
            return find_up_stack(path)


def _object(name: str) -> bytes:
    return _made_up().objects.bodies[f"runs/{RUN_ID}/{name}.json"]


_MESSAGE = json.dumps(
    {
        "requestContext": {"requestId": "r", "condition": "RetryAttemptsExhausted", "approximateInvokeCount": 21},
        "responseContext": {"statusCode": 200, "functionError": "Unhandled"},
        "KinesisBatchInfo": {
            "shardId": "shardId-0",
            "startSequenceNumber": "10",
            "endSequenceNumber": "12",
            "batchSize": 2,
            "approximateArrivalOfFirstRecord": "2026-11-22T08:30:05.000Z",
        },
    }
).encode()
_LEFT = json.dumps(
    {
        "run_id": RUN_ID,
        "users_left": 2,
        "left_by_reason": {"Missing": 2},
        "users_chosen": 2,
        "running": None,
        "accounts": [{"run_id": RUN_ID, "status": "PARTIAL"}, {"run_id": f"{RUN_ID}-r1", "status": "RUNNING"}],
    }
).encode()
_CAUSE = b'{"errorType": "SettingsError", "errorMessage": "RequestId: 1 TENANT_GROUP is missing", "stackTrace": []}'
_JSON_REPORT = json.dumps(
    {
        "type": "platform.report",
        "record": {
            "requestId": "sync-0-0-1",
            "status": "error",
            "errorType": "Unhandled",
            "metrics": {
                "durationMs": 1.5,
                "billedDurationMs": 2,
                "memorySizeMB": 512,
                "maxMemoryUsedMB": 90,
                "initDurationMs": 200.5,
            },
            "tracing": {"value": "Root=1-5f-1;Sampled=1"},
        },
    }
).encode()
_ENDPOINTS = b'{"gateway_url": "http://127.0.0.1:1", "region": "us-east-1", "outputs": {"a": "b"}, "parameters": {}}'
_LINES = (
    ("ListUsers", "users listed"),
    ("SyncUsers", "slice synced"),
    ("WriteRows", "rows written"),
    ("CloseRun", "run closed"),
    ("SyncUsers", "REPORT"),
)

TARGETS = (
    *(
        Target(
            f"report-over-{name}",
            partial(_report_over_object, name),
            (_object(name),),
            (BatchctlError,),
            (
                "batchctl.runs.heads:parse_object",
                "batchctl.runs.failure_records:RunFailures.add",
                "batchctl.runs.failure_records:read_chunk_users",
                "batchctl.runs.collect:_read_sizes",
            ),
            _check_data,
        )
        for name in DOCUMENTS
    ),
    *(
        Target(
            f"report-over-a-line-of-{function}-{message.split()[-1]}",
            partial(_report_over_line, function, message),
            (_line_of(function, message), *([_JSON_REPORT] if message == "REPORT" else [])),
            (BatchctlError, UnicodeDecodeError),
            (
                "batchctl.runs.run_lines:RunLines.add",
                "batchctl.runs.run_lines:read_slice",
                "batchctl.runs.report_lines:read_reports",
                "batchctl.runs.report_lines:_parse_json",
                "batchctl.runs.heads:read_closed_head",
            ),
            _check_data,
        )
        for function, message in _LINES
    ),
    *(
        Target(
            f"watch-over-{name}",
            partial(_watch, name),
            (_object(name),),
            (BatchctlError,),
            ("batchctl.runs.watching:watch_run",),
        )
        for name in ("started", "listing", "closed")
    ),
    Target(
        "file-of-a-run",
        _kept,
        (encode_run(make_data()).encode(), encode_run(_tell(_made_up())).encode()),
        (RunFileError,),
        ("batchctl.runs.run_file:_decode",),
    ),
    Target(
        "failed-users", _failed_users, (user_failures(), SLICE_FAILURE), (), ("batchctl.failures.failed_users:_parse",)
    ),
    Target(
        "failed-batch", _message, (_MESSAGE,), (), ("batchctl.failures.failed_batches:parse_message",), _check_message
    ),
    Target("who-is-left", _left, (_LEFT,), (BatchctlError,), ("batchctl.redrive.one_redrive:read_left",), _check_left),
    Target("why-nobody-is-told", _refusal, (_CAUSE,), (BatchctlError,), ("batchctl.redrive.one_redrive:read_left",)),
    Target(
        "end-of-a-redrive",
        _output,
        (b'{"status": "COMPLETE", "run_id": "%s"}' % RUN_ID.encode(),),
        (BatchctlError,),
        ("batchctl.redrive.one_redrive:read_output",),
    ),
    Target(
        "cause-of-a-failure",
        _causes,
        (_CAUSE, b"no JSON"),
        (),
        (
            "batchctl.runs.failure_records:read_cause",
            "batchctl.redrive.one_redrive:_read_message",
            "batchctl.local.failure_text:_readable",
        ),
    ),
    Target(
        "stop-of-an-operator",
        _stop_of_operator,
        (b'{"reason": "down", "stopped_at": 1795336200.0, "stopped_by": "me"}',),
        (),
        ("batchctl.control.switch:KillSwitch.read",),
    ),
    Target(
        "runs-that-were-stopped",
        _stopped_runs,
        (b'{"status": "PARTIAL", "claimed_at": 1795336200.0, "failed_by_reason": {"StoppedError": 3}}',),
        (),
        ("batchctl.control.switch:KillSwitch.find_runs",),
    ),
    Target(
        "segment-of-a-trace",
        lambda data: read_segment(data.decode("utf-8", "surrogatepass")),
        (b'{"name": "UserBatch", "id": "53995c3f42cd8ad8"}',),
        (ValueError,),
        ("batchctl.runs.aws_sources:read_segment",),
    ),
    Target("endpoints-of-local-up", _endpoints, (_ENDPOINTS,), (), ("batchctl.runs.target:find_up_stack",)),
)
