"""A role reaches the tables that its policy names, by the actions that it names, and no others."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from emulator.access.guard import AccessGuard
from emulator.access.wire_guard import WireGuard
from emulator.gateway import Gateway
from emulator.identity import Identity
from tests.emulator.gateway.loop_thread import LoopThread

_ROLE = "arn:aws:iam::123456789012:role/limiter"
_KEY = {"id": {"S": "limit"}}
_POLICY = {
    "Version": "2012-10-17",
    "Statement": {
        "Effect": "Allow",
        "Action": ["dynamodb:GetItem", "dynamodb:UpdateItem"],
        "Resource": "arn:aws:dynamodb:us-east-1:123456789012:table/guarded",
    },
}


class OnePolicy:
    """An Iam in which the one role has the policy above."""

    async def call(self, service: str, operation: str, **_: Any) -> Mapping[str, Any]:
        assert service == "iam"
        answers: dict[str, dict[str, Any]] = {
            "ListRolePolicies": {"PolicyNames": ["limits"]},
            "GetRole": {"Role": {"Arn": _ROLE}},
            "GetRolePolicy": {"PolicyDocument": json.dumps(_POLICY)},
            "ListAttachedRolePolicies": {"AttachedPolicies": []},
        }
        return answers[operation]


@pytest.fixture
def dynamodb(loop_thread: LoopThread, moto_url: str) -> Iterator[Any]:
    """A client that signs as the role, and two tables that it has not made."""
    guard = AccessGuard(Identity(), OnePolicy())
    gateway = Gateway({}, moto_url, guard=WireGuard(guard))
    url = loop_thread.run(gateway.start())
    owner = _make_client(url, "local")
    for name in ("guarded", "other"):
        owner.create_table(
            TableName=name,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
    yield _make_client(url, guard.issue_key(_ROLE))
    for name in ("guarded", "other"):
        owner.delete_table(TableName=name)
    loop_thread.run(gateway.close())


def _make_client(url: str, access_key: str) -> Any:
    return boto3.client(
        "dynamodb",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=access_key,
        aws_secret_access_key="local",
        config=Config(retries={"total_max_attempts": 1}),
    )


def test_call_passes_when_the_policy_names_action_and_table(dynamodb: Any) -> None:
    dynamodb.update_item(
        TableName="guarded",
        Key=_KEY,
        UpdateExpression="SET version = :one",
        ConditionExpression="attribute_not_exists(id)",
        ExpressionAttributeValues={":one": {"N": "1"}},
    )

    assert dynamodb.get_item(TableName="guarded", Key=_KEY, ConsistentRead=True)["Item"]["version"] == {"N": "1"}


@pytest.mark.parametrize(
    ("call", "action", "resource"),
    [
        (lambda client: client.get_item(TableName="other", Key=_KEY), "GetItem", "table/other"),
        (lambda client: client.delete_item(TableName="guarded", Key=_KEY), "DeleteItem", "table/guarded"),
        (lambda client: client.put_item(TableName="guarded", Item=_KEY), "PutItem", "table/guarded"),
        (lambda client: client.scan(TableName="guarded"), "Scan", "table/guarded"),
        (lambda client: client.list_tables(), "ListTables", "*"),
    ],
)
def test_call_is_refused_when_the_policy_names_another_action_or_table(
    dynamodb: Any, call: Callable[[Any], Any], action: str, resource: str
) -> None:
    with pytest.raises(ClientError) as caught:
        call(dynamodb)

    error = caught.value.response
    assert error["Error"]["Code"] == "AccessDeniedException"
    assert f"dynamodb:{action} on resource: " in error["Error"]["Message"]
    assert f"{resource} because no identity-based policy allows" in error["Error"]["Message"]
