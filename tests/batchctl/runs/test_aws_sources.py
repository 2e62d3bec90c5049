"""The adapters against boto3's own checks of requests and answers."""

import io
import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError, NoCredentialsError
from botocore.stub import Stubber

from batchctl.runs.aws_sources import CloudWatchRunLogs, RateLimit, S3RunObjects, XRayRunTraces, explain
from batchctl.runs.ports import LogLine, SourceError

GROUPS = {"SyncUsers": "/aws/lambda/x-SyncUsers"}


def client(service: str) -> Any:
    return boto3.client(  # type: ignore[call-overload]
        service, region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="b"
    )


def event(number: int) -> dict[str, Any]:
    return {"eventId": str(number), "timestamp": 1000 * number + 5, "message": f"m{number}", "logStreamName": "s"}


def test_logs_follow_the_token_over_an_empty_page() -> None:
    logs = client("logs")
    request = {"logGroupName": GROUPS["SyncUsers"], "startTime": 1000, "endTime": 9001, "filterPattern": "p"}
    with Stubber(logs) as stub:
        stub.add_response("filter_log_events", {"events": [event(1)], "nextToken": "t1"}, request)
        stub.add_response("filter_log_events", {"events": [], "nextToken": "t2"}, {**request, "nextToken": "t1"})
        stub.add_response("filter_log_events", {"events": [event(2)]}, {**request, "nextToken": "t2"})

        found = list(CloudWatchRunLogs(logs, GROUPS, None).search("SyncUsers", "p", 1.0, 9.0))

    assert found == [LogLine(1.005, "s", "m1", "1"), LogLine(2.005, "s", "m2", "2")]


def test_logs_name_the_group_when_it_is_refused() -> None:
    logs = client("logs")
    with Stubber(logs) as stub:
        stub.add_client_error("filter_log_events", "AccessDeniedException")

        with pytest.raises(SourceError, match="log group /aws/lambda/x-SyncUsers: access denied"):
            list(CloudWatchRunLogs(logs, GROUPS, None).search("SyncUsers", "p", 1.0, 9.0))


def test_rate_limit_keeps_calls_apart() -> None:
    clock, pauses = [10.0], list[float]()
    limit = RateLimit(4.0, clock=lambda: clock[0], sleep=pauses.append)

    limit.wait()
    limit.wait()
    limit.wait()
    clock[0] = 60.0
    limit.wait()

    assert pauses == [0.25, 0.5]


def test_objects_are_none_when_they_are_not_there() -> None:
    s3 = client("s3")
    with Stubber(s3) as stub:
        stub.add_client_error("get_object", "NoSuchKey", http_status_code=404)
        stub.add_response("get_object", {"Body": io.BytesIO(b"1")}, {"Bucket": "b", "Key": "k"})
        objects = S3RunObjects(s3, "b")

        assert (objects.get("absent"), objects.get("k")) == (None, b"1")


def test_objects_list_runs_without_dry_runs() -> None:
    s3 = client("s3")
    prefixes = [
        {"Prefix": f"runs/{name}/"}
        for name in ("20261122T083000Z", "20261122T082000Z", "dry-20261122T080000Z-1a2b3c4d")
    ]
    with Stubber(s3) as stub:
        stub.add_response(
            "list_objects_v2", {"CommonPrefixes": prefixes}, {"Bucket": "b", "Prefix": "runs/", "Delimiter": "/"}
        )

        assert S3RunObjects(s3, "b").list_run_ids() == ["20261122T082000Z", "20261122T083000Z"]


def test_traces_are_read_page_by_page() -> None:
    xray = client("xray")
    segment = {"Id": "1", "Document": json.dumps({"name": "n"})}
    page: dict[str, Any] = {"Traces": [{"Id": "t", "Segments": [segment]}], "UnprocessedTraceIds": []}
    with Stubber(xray) as stub:
        stub.add_response("batch_get_traces", {**page, "NextToken": "more"}, {"TraceIds": ["t"]})
        stub.add_response("batch_get_traces", page, {"TraceIds": ["t"], "NextToken": "more"})

        assert XRayRunTraces(xray).get("t") == [{"name": "n"}, {"name": "n"}]


def test_traces_are_none_when_the_run_was_not_sampled() -> None:
    xray = client("xray")
    with Stubber(xray) as stub:
        stub.add_response("batch_get_traces", {"Traces": [], "UnprocessedTraceIds": ["t"]})

        assert XRayRunTraces(xray).get("t") is None


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (NoCredentialsError(), "no AWS credentials: set AWS_PROFILE"),
        (EndpointConnectionError(endpoint_url="http://x"), "EndpointConnectionError"),
    ],
)
def test_explain_gives_the_remedy(error: Exception, words: str) -> None:
    assert f"it: {words}" in str(explain("it", error))


def test_explain_says_that_credentials_have_expired() -> None:
    s3 = client("s3")
    with Stubber(s3) as stub:
        stub.add_client_error("get_object", "ExpiredToken", http_status_code=400)

        with pytest.raises(SourceError, match=r"s3://b/k: the AWS credentials have expired .* sign in again"):
            S3RunObjects(s3, "b").get("k")
