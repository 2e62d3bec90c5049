"""Judges requests by the policies and the permissions boundary of the role that makes them."""

import asyncio
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from emulator.access.ask import Ask
from emulator.access.policy import Permission, Statement, find_refusal, find_used, read_policy
from emulator.access.principal import make_access_key
from emulator.errors import AwsError
from emulator.identity import Identity

_FORBIDDEN = 403
_AWS_MANAGED = ":iam::aws:policy/"


class Iam(Protocol):
    """Where policies are read."""

    async def call(self, service: str, operation: str, **parameters: Any) -> Mapping[str, Any]:
        """The answer in boto3's shape; raises AwsError."""
        ...


@dataclass(frozen=True)
class _Limits:
    """What a role may do: what its policies allow and, where it has one, its boundary allows too."""

    statements: list[Statement]
    boundary: list[Statement] | None

    def find_refusal(self, ask: Ask) -> str | None:
        """None when the request is allowed; otherwise why not, in IAM's words."""
        refusal = find_refusal(self.statements, ask)
        if refusal is None and self.boundary is not None:
            return find_refusal(self.boundary, ask, "permissions boundary")
        return refusal


class AccessGuard:
    """Knows each role's policies and boundary from its first request on.

    `refused` counts what was not allowed: (role, action). `used` counts which lines of a policy let requests through:
    (role, permission). A permission that no whole run ever uses is one that the role may not need.
    """

    def __init__(self, identity: Identity, iam: Iam) -> None:
        self.identity = identity
        self.refused: Counter[tuple[str, str]] = Counter()
        self.used: Counter[tuple[str, Permission]] = Counter()
        self._iam = iam
        self._roles_by_key: dict[str, str] = {}
        self._limits: dict[str, asyncio.Future[_Limits | None]] = {}

    def issue_key(self, role_arn: str) -> str:
        """The access key id under which this role's requests are known."""
        key = make_access_key(role_arn)
        self._roles_by_key[key] = role_arn
        return key

    def role_of_key(self, access_key: str) -> str:
        """The role whose requests bear this key, "" for anybody else's."""
        return self._roles_by_key.get(access_key, "")

    async def check(self, role_arn: str, ask: Ask) -> None:
        """Return when the role may do it. Raises AwsError, AccessDeniedException, in AWS's words."""
        if not role_arn:
            return
        limits = await self._read_limits(role_arn)
        if limits is None:
            return
        refusal = limits.find_refusal(ask)
        if refusal is None:
            self._count_used(role_arn, limits, ask)
            return
        self.refused[role_arn, ask.action] += 1
        name = role_arn.rpartition("/")[2]
        message = (
            f"User: arn:aws:sts::{self.identity.account_id}:assumed-role/{name}/emulator is not authorized to perform: "
            f"{ask.action} on resource: {ask.resource} {refusal}"
        )
        raise AwsError("AccessDeniedException", message, _FORBIDDEN)

    async def may(self, role_arn: str, ask: Ask) -> bool:
        """Whether the role is allowed to. A refusal is not counted: nobody is refused by it."""
        limits = await self._read_limits(role_arn) if role_arn else None
        if limits is None:
            return True
        if limits.find_refusal(ask) is not None:
            return False
        self._count_used(role_arn, limits, ask)
        return True

    async def permissions(self, role_arn: str) -> list[Permission]:
        """All that the role's policies allow, line by line."""
        limits = await self._read_limits(role_arn)
        statements = limits.statements if limits else []
        return [permission for statement in statements for permission in statement.list_permissions()]

    def _count_used(self, role_arn: str, limits: _Limits, ask: Ask) -> None:
        self.used.update((role_arn, permission) for permission in find_used(limits.statements, ask))

    async def _read_limits(self, role_arn: str) -> _Limits | None:
        # One reading for all that ask at once; None for a role that was not made here.
        if role_arn not in self._limits:
            self._limits[role_arn] = asyncio.ensure_future(self._load(role_arn.rpartition("/")[2]))
        return await asyncio.shield(self._limits[role_arn])

    async def _load(self, role: str) -> _Limits | None:
        try:
            found = (await self._iam.call("iam", "GetRole", RoleName=role))["Role"]
        except AwsError as error:
            if error.code == "NoSuchEntity":
                return None
            raise
        boundary = str((found.get("PermissionsBoundary") or {}).get("PermissionsBoundaryArn") or "")
        # Nobody here has the text of AWS's own policies, so such a boundary bounds nothing.
        is_known = boundary and _AWS_MANAGED not in boundary
        return _Limits(await self._load_policies(role), await self._load_managed(boundary) if is_known else None)

    async def _load_policies(self, role: str) -> list[Statement]:
        inline = (await self._iam.call("iam", "ListRolePolicies", RoleName=role))["PolicyNames"]
        documents = [
            (await self._iam.call("iam", "GetRolePolicy", RoleName=role, PolicyName=name))["PolicyDocument"]
            for name in inline
        ]
        statements = [statement for document in documents for statement in read_policy(_as_document(document))]
        attached = (await self._iam.call("iam", "ListAttachedRolePolicies", RoleName=role))["AttachedPolicies"]
        for policy in attached:
            statements += await self._load_managed(policy["PolicyArn"])
        return statements

    async def _load_managed(self, arn: str) -> list[Statement]:
        version = (await self._iam.call("iam", "GetPolicy", PolicyArn=arn))["Policy"]["DefaultVersionId"]
        answer = await self._iam.call("iam", "GetPolicyVersion", PolicyArn=arn, VersionId=version)
        return read_policy(_as_document(answer["PolicyVersion"]["Document"]))


def _as_document(document: Any) -> Mapping[str, Any]:
    read: Mapping[str, Any] = json.loads(document) if isinstance(document, str) else document
    return read
