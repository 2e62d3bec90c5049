"""A role may do what its policies and its boundary allow together."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from emulator.access.ask import Ask
from emulator.access.guard import AccessGuard
from emulator.errors import AwsError
from emulator.identity import Identity

ROLE = "arn:aws:iam::000000000000:role/worker"
BOUNDARY = "arn:aws:iam::000000000000:policy/Boundary"
ANYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}
QUEUES = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "arn:aws:sqs:us-east-1:000000000000:own-*"}
SEND = Ask("sqs:SendMessage", "arn:aws:sqs:us-east-1:000000000000:own-failures")
READ = Ask("s3:GetObject", "arn:aws:s3:::own/x")


class FakeIam:
    """One role with one policy, and a boundary where `bounds` are its statements."""

    def __init__(self, allows: dict[str, Any], bounds: list[dict[str, Any]] | None, arn: str = BOUNDARY) -> None:
        self._allows = allows
        self._bounds = bounds
        self._arn = arn

    async def call(self, service: str, operation: str, **_: Any) -> Mapping[str, Any]:
        """What IAM answers."""
        boundary = {} if self._bounds is None else {"PermissionsBoundary": {"PermissionsBoundaryArn": self._arn}}
        answers: dict[str, Mapping[str, Any]] = {
            "GetRole": {"Role": {"Arn": ROLE, **boundary}},
            "ListRolePolicies": {"PolicyNames": ["own"]},
            "GetRolePolicy": {"PolicyDocument": {"Statement": [self._allows]}},
            "ListAttachedRolePolicies": {"AttachedPolicies": []},
            "GetPolicy": {"Policy": {"DefaultVersionId": "v1"}},
            "GetPolicyVersion": {"PolicyVersion": {"Document": {"Statement": self._bounds}}},
        }
        return answers[operation]


def test_request_is_refused_when_the_boundary_does_not_allow_it() -> None:
    guard = AccessGuard(Identity(), FakeIam(ANYTHING, [QUEUES]))

    with pytest.raises(AwsError, match="because no permissions boundary allows the s3:GetObject action"):
        asyncio.run(guard.check(ROLE, READ))
    assert guard.refused == {(ROLE, "s3:GetObject"): 1}
    assert not asyncio.run(guard.may(ROLE, READ))


def test_request_is_refused_when_the_boundary_denies_it() -> None:
    guard = AccessGuard(Identity(), FakeIam(ANYTHING, [ANYTHING, {**QUEUES, "Effect": "Deny"}]))

    with pytest.raises(AwsError, match="with an explicit deny in a permissions boundary"):
        asyncio.run(guard.check(ROLE, SEND))


def test_boundary_gives_nothing_when_the_policies_do_not() -> None:
    guard = AccessGuard(Identity(), FakeIam(QUEUES, [ANYTHING]))

    asyncio.run(guard.check(ROLE, SEND))
    with pytest.raises(AwsError, match="because no identity-based policy allows"):
        asyncio.run(guard.check(ROLE, READ))


def test_policies_alone_decide_when_there_is_no_boundary_that_anybody_can_read() -> None:
    for iam in (FakeIam(ANYTHING, None), FakeIam(ANYTHING, [QUEUES], "arn:aws:iam::aws:policy/PowerUserAccess")):
        asyncio.run(AccessGuard(Identity(), iam).check(ROLE, READ))
