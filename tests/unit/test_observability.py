"""What a function tells of itself: log lines, metrics, and documents to the X-Ray daemon."""

import io
import json
import socket
import uuid
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from aws_lambda_powertools import Logger
from express_batch.call_tally import SlowCall
from express_batch.latency import LatencyHistogram
from express_batch.observability import Observability, Observer
from express_batch.settings import ObservedSettings
from express_batch.trace_documents import encode_document
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.bounds import BOUNDED

TRACE_ID = "1-67a2b3c4-0123456789abcdef01234567"
FUNCTION_SEGMENT = "00f067aa0ba902b7"
SAMPLED = f"Root={TRACE_ID};Parent={FUNCTION_SEGMENT};Sampled=1"
CONTEXT = SimpleNamespace(aws_request_id="request-1")


class Daemon:
    """The X-Ray daemon's port: what was sent there, as documents."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"

    def documents(self) -> list[dict[str, Any]]:
        """All that has come; on the loopback it is there when the sender goes on."""
        documents: list[dict[str, Any]] = []
        self._socket.setblocking(False)
        while True:
            try:
                header, _, body = self._socket.recv(65_536).partition(b"\n")
            except BlockingIOError:
                return documents
            assert json.loads(header) == {"format": "json", "version": 1}
            documents.append(json.loads(body))

    def close(self) -> None:
        self._socket.close()


class Stage:
    """An environment of SyncUsers for tenant group blue."""

    def __init__(self, **settings: Any) -> None:
        self.output = io.StringIO()
        # Python keeps loggers by their name, with the stream that the first one had.
        self.service = f"service-{uuid.uuid4()}"
        logger = Logger(service=self.service, stream=self.output, level="INFO")
        logger.append_keys(tenant_group="blue")
        self.observability = Observability(ObservedSettings(tenant_group="blue", **settings), logger)

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.output.getvalue().splitlines()]


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch) -> Iterator[Daemon]:
    daemon = Daemon()
    monkeypatch.setenv("AWS_XRAY_DAEMON_ADDRESS", daemon.address)
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "sync_users")
    monkeypatch.setenv("_X_AMZN_TRACE_ID", SAMPLED)
    yield daemon
    daemon.close()


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage(user_ids_in_logs="plain", traced_calls_per_invocation=2)
    yield stage
    stage.observability.sender.close()


def test_log_line_is_a_constant_phrase_with_its_data_in_keys(stage: Stage) -> None:
    with stage.observability.invocation(CONTEXT) as observer:
        observer.identify(run_id="20261122T083000Z", chunk=3)
        observer.log("slice synced", users=40)
        observer.warn("stream record rejected", key="rejected/s/1.json")

    first, second = stage.lines
    assert (
        first.items()
        >= {
            "level": "INFO",
            "message": "slice synced",
            "service": stage.service,
            "tenant_group": "blue",
            "function_request_id": "request-1",
            "cold_start": True,
            "run_id": "20261122T083000Z",
            "chunk": 3,
            "users": 40,
        }.items()
    )
    assert (second["level"], second["key"]) == ("WARNING", "rejected/s/1.json")


def test_log_line_is_one_line_and_no_other_whatever_a_key_holds(stage: Stage) -> None:
    forged = '\n{"level":"ERROR","message":"run closed"}\r\u2028\x00"}'

    with stage.observability.invocation(CONTEXT) as observer:
        observer.log("slice synced", sample_users={"ApiServerError": [forged]}, level_of_it=forged)

    text, _, rest = stage.output.getvalue().partition("\n")  # Lambda and CloudWatch know no other line end
    line = json.loads(text)
    assert rest == ""
    assert (line["level"], line["message"]) == ("INFO", "slice synced")
    assert line["sample_users"] == {"ApiServerError": [forged]}


def test_line_has_nothing_of_the_invocation_before_it(stage: Stage) -> None:
    with stage.observability.invocation(CONTEXT) as observer:
        observer.identify(run_id="20261122T083000Z")
        observer.log("users listed")
    with stage.observability.invocation(SimpleNamespace(aws_request_id="request-2")) as observer:
        observer.log("users listed")

    first, second = stage.lines
    assert (first["cold_start"], second["cold_start"]) == (True, False)
    assert second["function_request_id"] == "request-2"
    assert "run_id" not in second


def test_user_is_shown_by_a_hash_when_ids_are_not_to_be_in_logs() -> None:
    plain = Observer(Stage(user_ids_in_logs="plain").observability, "request-1", None)
    hashed = Observer(Stage(user_ids_in_logs="hashed").observability, "request-1", None)

    assert plain.show_user("u1") == "u1"
    # printf 'blue/u1' | sha256sum | cut -c 1-16
    assert hashed.show_user("u1") == "093e4052a66575bb"  # pragma: allowlist secret


def read_metrics(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_metrics_are_in_the_embedded_format_with_their_dimensions(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html"""
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "sync_users")  # which Powertools makes a dimension elsewhere
    with Stage(metrics="Active").observability.invocation(CONTEXT) as observer:
        observer.measure("Count", RowsWritten=7)
        observer.measure("Seconds", RunSeconds=1.5)
        observer.measure("Count", "ApiTimeoutError", UsersFailedByReason=2)

    plain, by_reason = read_metrics(capsys.readouterr().out)
    (directive,) = plain["_aws"]["CloudWatchMetrics"]
    assert directive == {
        "Namespace": "ExpressBatch",
        "Dimensions": [["TenantGroup"]],
        "Metrics": [{"Name": "RowsWritten", "Unit": "Count"}, {"Name": "RunSeconds", "Unit": "Seconds"}],
    }
    assert (plain["TenantGroup"], plain["RowsWritten"], plain["RunSeconds"]) == ("blue", 7, 1.5)
    assert by_reason["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["TenantGroup", "Reason"]]
    assert (by_reason["Reason"], by_reason["UsersFailedByReason"]) == ("ApiTimeoutError", 2)


def test_latencies_are_at_most_a_hundred_values_and_none_when_nothing_was_called(
    capsys: pytest.CaptureFixture[str],
) -> None:
    histogram = LatencyHistogram()
    for number in range(1000):
        histogram.add(0.1 + number / 10_000)
    with Stage(metrics="Active").observability.invocation(CONTEXT) as observer:
        observer.measure_latency(CallLatency=histogram)
    with Stage(metrics="Active").observability.invocation(CONTEXT) as observer:
        observer.measure_latency(CallLatency=LatencyHistogram())

    (document,) = read_metrics(capsys.readouterr().out)
    assert len(document["CallLatency"]) == 100


def test_no_metric_is_written_when_they_are_off(capsys: pytest.CaptureFixture[str]) -> None:
    with Stage(metrics="Off").observability.invocation(CONTEXT) as observer:
        observer.measure("Count", RowsWritten=7)

    assert capsys.readouterr().out == ""


def test_invocation_is_one_document_under_lambdas_segment(stage: Stage, daemon: Daemon) -> None:
    with stage.observability.invocation(CONTEXT) as observer:
        observer.identify(run_id="20261122T083000Z", chunk=3)
        with observer.span("call partner API") as span:
            span.describe(calls={"count": 2})
            observer.add_calls([SlowCall(0.25, 1000.0, "u1", "ok"), SlowCall(1.5, 1001.0, "u2", "ApiTimeoutError")])
        with observer.span("send rows") as span:
            span.annotate(records=1)

    (document,) = daemon.documents()
    assert (document["trace_id"], document["parent_id"], document["type"]) == (TRACE_ID, FUNCTION_SEGMENT, "subsegment")
    assert document["name"] == "SyncUsers"
    assert document["annotations"] == {
        "tenant_group": "blue", "run_id": "20261122T083000Z", "chunk": 3, "outcome": "ok",
    }  # fmt: skip
    called, sent = document["subsegments"]
    assert (called["name"], called["metadata"]) == ("call partner API", {"calls": {"count": 2}})
    assert (sent["name"], sent["annotations"]) == ("send rows", {"records": 1})
    first, second = called["subsegments"]
    assert (first["start_time"], first["end_time"], first["annotations"]) == (
        1000.0, 1000.25, {"user_id": "u1", "outcome": "ok"},
    )  # fmt: skip
    assert (second["end_time"], second["fault"], second["namespace"]) == (1002.5, True, "remote")
    assert "fault" not in first


def test_invocations_of_one_environment_and_one_trace_hang_each_under_its_own_segment(
    stage: Stage, daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run is one trace, so an environment meets its id again; X-Ray's SDK kept to the first invocation's segment."""
    for segment in (FUNCTION_SEGMENT, "53995c3f42cd8ad8"):
        monkeypatch.setenv("_X_AMZN_TRACE_ID", f"Root={TRACE_ID};Parent={segment};Sampled=1")
        with stage.observability.invocation(CONTEXT):
            pass

    assert [document["parent_id"] for document in daemon.documents()] == [FUNCTION_SEGMENT, "53995c3f42cd8ad8"]


def test_trace_says_what_failed_and_not_why_when_an_invocation_raises(stage: Stage, daemon: Daemon) -> None:
    def fail() -> None:
        with stage.observability.invocation(CONTEXT) as observer, observer.span("send rows"):
            raise KeyError("user data")

    with pytest.raises(KeyError):
        fail()

    (document,) = daemon.documents()
    assert (document["annotations"]["outcome"], document["fault"]) == ("KeyError", True)
    assert document["subsegments"][0]["fault"] is True
    assert "user data" not in json.dumps(document)


@BOUNDED
@given(st.lists(st.text(max_size=64), max_size=20), st.sampled_from(["plain", "hashed"]))
def test_document_of_a_slice_is_small_whatever_its_users_are_called(users: list[str], ids: str) -> None:
    sent: list[dict[str, Any]] = []
    observability = Stage(user_ids_in_logs=ids, traced_calls_per_invocation=20).observability
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(observability.sender, "send", sent.append)
        observer = Observer(observability, "request-1", SAMPLED)
        observer.identify(run_id="20261122T083000Z", chunk=12345)
        for name in ("read chunk", "call partner API", "send rows"):
            with observer.span(name) as span:
                span.describe(calls={"count": 1000, "p50": 1230.0, "p95": 1230.0, "p99": 1230.0})
                if name == "call partner API":
                    observer.add_calls([SlowCall(1.0, 1e9, user, "ApiUnreachableError") for user in users])
        observer.close("StreamUnavailableError")

    (document,) = sent
    # A character has four bytes, and six where JSON escapes it.
    assert len(encode_document(document)) < 1_100 + len(users) * (240 + 6 * 64)


def test_user_is_hashed_in_the_trace_when_it_is_in_logs(daemon: Daemon) -> None:
    stage = Stage(user_ids_in_logs="hashed")
    with stage.observability.invocation(CONTEXT) as observer:
        observer.add_calls([SlowCall(0.25, 1000.0, "u1", "ok")])
    stage.observability.sender.close()

    (document,) = daemon.documents()
    assert document["subsegments"][0]["annotations"]["user_id"] == observer.show_user("u1") != "u1"


def test_other_trace_is_told_by_a_segment_with_its_database(stage: Stage, daemon: Daemon) -> None:
    other = f"Root=1-00000001-{'a' * 24};Parent={'b' * 16};Sampled=1"
    observer = Observer(stage.observability, "request-1", None)

    observer.tell_trace(
        other, "WriteRows", 1000.0, "DatabaseUnavailableError", part="database", summary={"n": 1}, rows=5
    )

    (document,) = daemon.documents()
    assert (document["trace_id"], document["parent_id"]) == (f"1-00000001-{'a' * 24}", "b" * 16)
    assert "type" not in document
    assert (document["name"], document["start_time"], document["fault"]) == ("WriteRows", 1000.0, True)
    assert document["annotations"] == {"tenant_group": "blue", "outcome": "DatabaseUnavailableError", "rows": 5}
    assert document["aws"] == {"request_id": "request-1"}
    (database,) = document["subsegments"]
    assert (database["name"], database["namespace"], database["metadata"]) == ("database", "remote", {"n": 1})


UNSAMPLED = [
    None,
    "",
    f"Root={TRACE_ID};Parent={FUNCTION_SEGMENT};Sampled=0",
    f"Root={TRACE_ID};Parent={FUNCTION_SEGMENT}",
    f"Root={TRACE_ID};Sampled=1",
    "Root=1-a-b;Parent=c;Sampled=1",
    "Sampled=1",
]


@pytest.mark.parametrize("header", UNSAMPLED)
def test_nothing_is_sent_when_the_invocation_is_not_sampled(
    stage: Stage, daemon: Daemon, monkeypatch: pytest.MonkeyPatch, header: str | None
) -> None:
    if header is None:
        monkeypatch.delenv("_X_AMZN_TRACE_ID")
    else:
        monkeypatch.setenv("_X_AMZN_TRACE_ID", header)
    with stage.observability.invocation(CONTEXT) as observer:
        assert (observer.trace_header, observer.traced_calls) == (header, 0)
        with observer.span("send rows") as span:
            span.annotate(records=1)
            span.describe(calls={})
        observer.tell_trace(header, "WriteRows", 1000.0, "ok", part="database", summary={})

    assert daemon.documents() == []


def test_document_is_sent_when_an_id_has_half_a_surrogate_pair(stage: Stage, daemon: Daemon) -> None:
    with stage.observability.invocation(CONTEXT) as observer:
        observer.add_calls([SlowCall(1.0, 1000.0, "\ud800", "ok")])

    assert daemon.documents()[0]["subsegments"][0]["annotations"]["user_id"] == "?"


@pytest.mark.parametrize("address", ["127.0.0.1", "nowhere", "127.0.0.1:x", ""])
def test_invocation_goes_on_when_the_daemon_has_no_address(
    stage: Stage, daemon: Daemon, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("AWS_XRAY_DAEMON_ADDRESS", address)

    with stage.observability.invocation(CONTEXT):
        pass


def test_invocation_goes_on_when_no_daemon_listens(stage: Stage, daemon: Daemon) -> None:
    daemon.close()

    for _ in range(3):  # the refusal of one datagram is told at the next
        with stage.observability.invocation(CONTEXT) as observer:
            observer.annotate(run_id="x" * 2000)


def test_invocation_goes_on_when_its_document_is_too_large_for_a_datagram(stage: Stage, daemon: Daemon) -> None:
    with stage.observability.invocation(CONTEXT) as observer, observer.span("send rows") as span:
        span.describe(text="x" * 70_000)
    with stage.observability.invocation(CONTEXT):
        pass

    assert len(daemon.documents()) == 1
