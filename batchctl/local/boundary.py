"""The permissions boundary that deploy-roles.yaml gives the groups' accounts, on this machine too.

A boundary that is too narrow for what a function does fails the first run here, and not the first one on AWS.
"""

import json
from typing import Any

from batchctl.project_tree import PROJECT_ROOT
from emulator.identity import Identity
from emulator.stack import AwsCaller
from emulator.stack.intrinsics import NoResources, Resolver
from emulator.stack.parameters import resolve_parameters
from emulator.stack.template_file import read_template

DEPLOY_ROLES = PROJECT_ROOT / "pipeline" / "deploy-roles.yaml"


def read_boundary(identity: Identity, **parameters: str) -> dict[str, Any]:
    """Properties of the managed policy, every intrinsic carried out; `parameters` are the template's."""
    template = read_template(DEPLOY_ROLES)
    pipeline = {
        "PipelineRoleArn": f"arn:aws:iam::{identity.account_id}:role/pipeline",
        "PipelineAccount": identity.account_id,
    }
    values = resolve_parameters(template["Parameters"], {**pipeline, **parameters})
    resolver = Resolver(template, values, stack_name="express-batch-deploy-roles", identity=identity, imports={})
    properties: dict[str, Any] = resolver.resolve(
        template["Resources"]["Boundary"]["Properties"], NoResources(), "Boundary"
    )
    return properties


async def create_boundary(aws: AwsCaller, identity: Identity) -> None:
    """Make the managed policy, by the name that stacks are given as PermissionsBoundaryName."""
    properties = read_boundary(identity)
    await aws.call(
        "iam",
        "CreatePolicy",
        PolicyName=properties["ManagedPolicyName"],
        PolicyDocument=json.dumps(properties["PolicyDocument"]),
    )
