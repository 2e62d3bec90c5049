"""Policies allow and deny as IAM documents it."""

from typing import Any

import pytest

from emulator.access.ask import Ask
from emulator.access.policy import Permission, find_refusal, find_used, read_policy
from emulator.errors import AwsError

_READ = {"Effect": "Allow", "Action": ["s3:GetObject", "s3:List*"], "Resource": "arn:aws:s3:::runs/*/chunks/?.json"}


def _is_allowed(ask: Ask, *statements: dict[str, Any]) -> bool:
    return find_refusal(read_policy({"Version": "2012-10-17", "Statement": list(statements)}), ask) is None


@pytest.mark.parametrize(
    ("action", "resource", "expected"),
    [
        ("s3:GetObject", "arn:aws:s3:::runs/a/b/chunks/1.json", True),
        ("S3:getobject", "arn:aws:s3:::runs/a/chunks/1.json", True),
        ("s3:ListAnything", "arn:aws:s3:::runs/a/chunks/1.json", True),
        ("s3:PutObject", "arn:aws:s3:::runs/a/chunks/1.json", False),
        ("s3:GetObject", "arn:aws:s3:::runs/a/chunks/12.json", False),
        ("s3:GetObject", "arn:aws:s3:::RUNS/a/chunks/1.json", False),
        ("s3:GetObjectAcl", "arn:aws:s3:::runs/a/chunks/1.json", False),
    ],
)
def test_statement_allows_by_action_and_resource(action: str, resource: str, expected: bool) -> None:
    assert _is_allowed(Ask(action, resource), _READ) is expected


def test_nothing_is_allowed_when_no_statement_speaks_of_it() -> None:
    refusal = find_refusal([], Ask("kinesis:PutRecords", "*"))

    assert refusal == "because no identity-based policy allows the kinesis:PutRecords action"


def test_deny_wins_whatever_else_allows() -> None:
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    deny = {"Effect": "Deny", "Action": "s3:DeleteObject", "Resource": "*"}

    assert not _is_allowed(Ask("s3:DeleteObject", "arn:aws:s3:::a/b"), everything, deny)
    assert _is_allowed(Ask("s3:GetObject", "arn:aws:s3:::a/b"), deny, everything)


def test_not_action_and_not_resource_mean_all_others() -> None:
    statement = {"Effect": "Allow", "NotAction": "iam:*", "NotResource": "arn:aws:s3:::secret/*"}

    assert _is_allowed(Ask("s3:GetObject", "arn:aws:s3:::open/1"), statement)
    assert not _is_allowed(Ask("iam:PassRole", "arn:aws:s3:::open/1"), statement)
    assert not _is_allowed(Ask("s3:GetObject", "arn:aws:s3:::secret/1"), statement)


@pytest.mark.parametrize(
    ("condition", "context", "expected"),
    [
        ({"StringLike": {"s3:prefix": "runs/*"}}, {"s3:prefix": "runs/1/"}, True),
        ({"StringLike": {"s3:prefix": ["runs/*", "rejected/"]}}, {"s3:prefix": "rejected/"}, True),
        ({"StringLike": {"s3:prefix": "runs/*"}}, {"s3:prefix": "other/"}, False),
        ({"StringLike": {"s3:prefix": "runs/*"}}, {}, False),
        ({"StringLikeIfExists": {"s3:prefix": "runs/*"}}, {}, True),
        ({"StringNotEquals": {"s3:prefix": "runs/"}}, {}, True),
        ({"StringNotEquals": {"s3:prefix": "runs/"}}, {"s3:prefix": "runs/"}, False),
        ({"Bool": {"aws:SecureTransport": "false"}}, {"aws:securetransport": "false"}, True),
        ({"Null": {"s3:prefix": "true"}}, {}, True),
        ({"StringEquals": {"a": "1"}, "StringLike": {"b": "2"}}, {"a": "1"}, False),
    ],
)
def test_conditions_all_hold(condition: dict[str, Any], context: dict[str, str], expected: bool) -> None:
    statement = {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*", "Condition": condition}

    assert _is_allowed(Ask("s3:ListBucket", "arn:aws:s3:::a", context), statement) is expected


def test_operator_that_is_not_emulated_is_refused_by_name() -> None:
    statement = {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"IpAddress": {"aws:SourceIp": "::"}}}

    with pytest.raises(AwsError, match="IpAddress"):
        _is_allowed(Ask("s3:GetObject", "*", {"aws:sourceip": "::"}), statement)


def test_member_that_no_policy_has_is_refused_by_name() -> None:
    with pytest.raises(AwsError, match="Actions"):
        read_policy({"Statement": {"Effect": "Allow", "Actions": "*", "Resource": "*"}})


def test_used_is_the_line_that_let_the_request_through_and_no_other() -> None:
    read = {"Effect": "Allow", "Action": ["s3:GetObject", "s3:List*"]}
    statements = read_policy({
        "Statement": [
            {**read, "Resource": ["arn:aws:s3:::a/*", "arn:aws:s3:::b/*"]},
            {**read, "Resource": "arn:aws:s3:::a/x", "Condition": {"Bool": {"k": "1"}}},
            {"Effect": "Deny", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::c/*"},
        ]
    })  # fmt: skip

    assert find_used(statements, Ask("s3:getobject", "arn:aws:s3:::a/x")) == [
        Permission("s3:GetObject", "arn:aws:s3:::a/*")
    ]
    assert find_used(statements, Ask("s3:GetObject", "arn:aws:s3:::c/x")) == []
    assert len([line for statement in statements for line in statement.list_permissions()]) == 6
