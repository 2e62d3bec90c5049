"""Each request needs the permission that AWS's service authorization reference names for it."""

from typing import Any

import pytest

from emulator.access.api_asks import find_api_ask
from emulator.access.s3_asks import ask_to_list, find_s3_ask
from emulator.identity import Identity

_OBJECT = "arn:aws:s3:::runs/runs/1/started.json"


@pytest.mark.parametrize(
    ("method", "path", "query", "host", "action", "resource"),
    [
        ("GET", "/runs/runs/1/started.json", "", "localhost:80", "s3:GetObject", _OBJECT),
        ("GET", "/runs/1/started.json", "", "runs.localhost:80", "s3:GetObject", _OBJECT),
        ("HEAD", "/runs/runs/1/started.json", "", "localhost:80", "s3:GetObject", _OBJECT),
        ("PUT", "/runs/runs/1/started.json", "", "localhost:80", "s3:PutObject", _OBJECT),
        ("PUT", "/runs/runs/1/started.json", "partNumber=1&uploadId=2", "localhost", "s3:PutObject", _OBJECT),
        ("DELETE", "/runs/runs/1/started.json", "", "localhost:80", "s3:DeleteObject", _OBJECT),
        ("DELETE", "/runs/runs/1/started.json", "uploadId=2", "localhost", "s3:AbortMultipartUpload", _OBJECT),
        ("GET", "/runs/runs/1/started.json", "tagging", "localhost", "s3:GetObjectTagging", _OBJECT),
        ("GET", "/runs", "list-type=2&prefix=runs%2F1%2F", "localhost:80", "s3:ListBucket", "arn:aws:s3:::runs"),
        ("GET", "/", "list-type=2", "runs.localhost:80", "s3:ListBucket", "arn:aws:s3:::runs"),
        ("GET", "/runs", "location", "localhost:80", "s3:GetBucketLocation", "arn:aws:s3:::runs"),
        ("POST", "/runs", "delete", "localhost:80", "s3:DeleteObject", "arn:aws:s3:::runs"),
        ("PUT", "/runs", "acl", "localhost:80", "s3:Unknown", "arn:aws:s3:::runs"),
    ],
)
def test_s3_request_needs_the_documented_permission(
    method: str, path: str, query: str, host: str, action: str, resource: str
) -> None:
    ask = find_s3_ask(method, path, query, host)

    assert (ask.action, ask.resource) == (action, resource)


def test_listing_brings_its_prefix() -> None:
    ask = find_s3_ask("GET", "/runs", "list-type=2&prefix=runs%2F1%2F", "localhost:80")

    assert ask.context == {"s3:prefix": "runs/1/"}


def test_absence_is_told_to_who_may_list_under_the_key() -> None:
    ask = find_s3_ask("GET", "/runs/runs/1/started.json", "", "localhost:80")

    listing = ask_to_list(ask)

    assert (listing.action, listing.resource) == ("s3:ListBucket", "arn:aws:s3:::runs")
    assert listing.context == {"s3:prefix": "runs/1/started.json"}


_ACCOUNT = "us-east-1:123456789012"


@pytest.mark.parametrize(
    ("service", "operation", "request_", "action", "resource"),
    [
        ("kinesis", "PutRecords", {"StreamName": "rows", "Records": []}, "kinesis:PutRecords",
         f"arn:aws:kinesis:{_ACCOUNT}:stream/rows"),
        ("kinesis", "PutRecords", {"StreamARN": "arn:aws:kinesis:x"}, "kinesis:PutRecords", "arn:aws:kinesis:x"),
        ("lambda", "Invoke", {"FunctionName": "f", "Qualifier": "live"}, "lambda:InvokeFunction",
         f"arn:aws:lambda:{_ACCOUNT}:function:f:live"),
        ("sqs", "SendMessage", {"QueueUrl": "http://localhost:1/123456789012/q"}, "sqs:SendMessage",
         f"arn:aws:sqs:{_ACCOUNT}:q"),
        ("dynamodb", "UpdateItem", {"TableName": "t"}, "dynamodb:UpdateItem", f"arn:aws:dynamodb:{_ACCOUNT}:table/t"),
        ("dynamodb", "GetItem", {"TableName": f"arn:aws:dynamodb:{_ACCOUNT}:table/t"}, "dynamodb:GetItem",
         f"arn:aws:dynamodb:{_ACCOUNT}:table/t"),
        ("dynamodb", "Query", {"TableName": "t", "IndexName": "i"}, "dynamodb:Query",
         f"arn:aws:dynamodb:{_ACCOUNT}:table/t/index/i"),
        ("s3", "PutObject", {"Bucket": "b", "Key": "k/1"}, "s3:PutObject", "arn:aws:s3:::b/k/1"),
        ("stepfunctions", "StartSyncExecution",
         {"stateMachineArn": f"arn:aws:states:{_ACCOUNT}:stateMachine:UserBatch:live"},
         "states:StartSyncExecution", f"arn:aws:states:{_ACCOUNT}:stateMachine:UserBatch"),
        ("xray", "PutTraceSegments", {"TraceSegmentDocuments": []}, "xray:PutTraceSegments", "*"),
    ],
)  # fmt: skip
def test_api_call_needs_the_documented_permission(
    service: str, operation: str, request_: dict[str, Any], action: str, resource: str
) -> None:
    ask = find_api_ask(service, operation, request_, Identity())

    assert (ask.action, ask.resource) == (action, resource)
