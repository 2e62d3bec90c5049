"""Roles and their policies, in IAM: the gateway judges the calls of functions and state machines by them."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any, ClassVar

from emulator.errors import AwsError
from emulator.stack.aws_caller import AwsCaller
from emulator.stack.providers.base import Made, Request, pick
from emulator.stack.shapes import shape_parameters

_AWS_MANAGED = ":iam::aws:policy/"
# Nobody here has the text of AWS's own policies, so what such a role may do is not judged.
_NOT_JUDGED = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


class RoleProvider:
    """AWS::IAM::Role."""

    properties: ClassVar[frozenset[str]] = frozenset(
        {
            "AssumeRolePolicyDocument", "Description", "ManagedPolicyArns", "MaxSessionDuration", "Path",
            "PermissionsBoundary", "Policies", "RoleName", "Tags",
        }
    )  # fmt: skip
    left_out: ClassVar[Mapping[str, str]] = {}
    attributes: ClassVar[frozenset[str]] = frozenset({"Arn", "RoleId"})

    async def create(self, request: Request, aws: AwsCaller) -> Made:
        """The role with its inline policies and those of the template that are attached."""
        given = request.properties
        name = str(given.get("RoleName", request.physical_name))
        passed = pick(given, "Description", "MaxSessionDuration", "Path", "PermissionsBoundary", "Tags")
        boundary = str(given.get("PermissionsBoundary", _AWS_MANAGED))
        if _AWS_MANAGED not in boundary:
            await aws.call("iam", "GetPolicy", PolicyArn=boundary)  # IAM takes none that does not exist; moto would
        answer = await aws.call(
            "iam",
            "CreateRole",
            **shape_parameters("iam", "CreateRole", passed, request.logical_id),
            RoleName=name,
            AssumeRolePolicyDocument=json.dumps(given.get("AssumeRolePolicyDocument", {})),
        )
        policies = {str(policy["PolicyName"]): policy["PolicyDocument"] for policy in given.get("Policies") or ()}
        attached = [str(arn) for arn in given.get("ManagedPolicyArns") or ()]
        if any(_AWS_MANAGED in arn for arn in attached):
            policies["not-judged"] = _NOT_JUDGED
        await asyncio.gather(
            *(
                aws.call("iam", "PutRolePolicy", RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(document))
                for policy, document in policies.items()
            ),
            *(
                aws.call("iam", "AttachRolePolicy", RoleName=name, PolicyArn=arn)
                for arn in attached
                if _AWS_MANAGED not in arn
            ),
        )
        return Made(name, {"Arn": answer["Role"]["Arn"], "RoleId": answer["Role"]["RoleId"]})

    async def delete(self, made: Made, aws: AwsCaller, *, purge: bool) -> None:
        """Remove the role, its inline policies before it."""
        name = made.physical_id
        for policy in (await aws.call("iam", "ListRolePolicies", RoleName=name))["PolicyNames"]:
            await aws.call("iam", "DeleteRolePolicy", RoleName=name, PolicyName=policy)
        for attached in (await aws.call("iam", "ListAttachedRolePolicies", RoleName=name))["AttachedPolicies"]:
            await aws.call("iam", "DetachRolePolicy", RoleName=name, PolicyArn=attached["PolicyArn"])
        await aws.call("iam", "DeleteRole", RoleName=name)


class ManagedPolicyProvider:
    """AWS::IAM::ManagedPolicy."""

    properties: ClassVar[frozenset[str]] = frozenset(
        {"Description", "ManagedPolicyName", "Path", "PolicyDocument", "Roles"}
    )
    left_out: ClassVar[Mapping[str, str]] = {
        "Users": "there are no users on this machine",
        "Groups": "there are no users on this machine",
    }
    attributes: ClassVar[frozenset[str]] = frozenset({"PolicyArn"})

    async def create(self, request: Request, aws: AwsCaller) -> Made:
        """The policy, attached to the roles that it names."""
        given = request.properties
        passed = pick(given, "Description", "Path")
        answer = await aws.call(
            "iam",
            "CreatePolicy",
            **shape_parameters("iam", "CreatePolicy", passed, request.logical_id),
            PolicyName=str(given.get("ManagedPolicyName", request.physical_name)),
            PolicyDocument=json.dumps(given["PolicyDocument"]),
        )
        arn = str(answer["Policy"]["Arn"])
        for role in given.get("Roles") or ():
            await aws.call("iam", "AttachRolePolicy", RoleName=str(role), PolicyArn=arn)
        return Made(arn, {"PolicyArn": arn})

    async def delete(self, made: Made, aws: AwsCaller, *, purge: bool) -> None:
        """Remove the policy; a role that still has it loses it."""
        entities: dict[str, Any] = await aws.call("iam", "ListEntitiesForPolicy", PolicyArn=made.physical_id)
        for role in entities["PolicyRoles"]:
            await aws.call("iam", "DetachRolePolicy", RoleName=role["RoleName"], PolicyArn=made.physical_id)
        await aws.call("iam", "DeletePolicy", PolicyArn=made.physical_id)


class InlinePolicyProvider:
    """AWS::IAM::Policy."""

    properties: ClassVar[frozenset[str]] = frozenset({"PolicyDocument", "PolicyName", "Roles"})
    left_out: ClassVar[Mapping[str, str]] = ManagedPolicyProvider.left_out
    attributes: ClassVar[frozenset[str]] = frozenset()

    async def create(self, request: Request, aws: AwsCaller) -> Made:
        """The policy as an inline one of each of its roles."""
        given = request.properties
        roles = [str(role) for role in given.get("Roles") or ()]
        for role in roles:
            await aws.call(
                "iam",
                "PutRolePolicy",
                RoleName=role,
                PolicyName=str(given["PolicyName"]),
                PolicyDocument=json.dumps(given["PolicyDocument"]),
            )
        return Made(str(given["PolicyName"]), {"Roles": roles})

    async def delete(self, made: Made, aws: AwsCaller, *, purge: bool) -> None:
        """Take it from the roles; one that has gone has none any more."""
        for role in made.attributes["Roles"]:
            try:
                await aws.call("iam", "DeleteRolePolicy", RoleName=role, PolicyName=made.physical_id)
            except AwsError as error:
                if error.code != "NoSuchEntity":
                    raise
