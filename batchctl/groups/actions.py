"""The pipeline's action for one tenant group, which deploys its stack and tries it."""

import json
from typing import Any

from batchctl.groups.group import TenantGroup

# In every account that has a group: the pipeline assumes it, and it starts DeployGroup and nothing else.
DEPLOY_ROLE = "express-batch-deploy"
BUILD_ARTIFACT = "BuildOutput"

# The Standard state machine of pipeline/group-deployer.yaml, in every account and region that has a group. Its name has
# not the beginning of the groups' stacks, so that none of these can change it.
DEPLOY_MACHINE = "ExpressBatchDeployGroup"

# The variable by which a further pipeline knows that the one before it has started it.
STARTED_BY = "StartedBy"


def build_group_action(group: TenantGroup) -> dict[str, Any]:
    """The ActionDeclaration that deploys the group's stack and tries it, in its own account and region.

    It waits for a Standard state machine, which takes the group through all steps by itself: with a step for each
    action, whose order is common to a stage, a group would wait for its neighbours (docs/adr/0009). The group's name
    begins the action's, so that a failure names the group.
    Source: https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-StepFunctions.html
    """
    machine = f"arn:${{AWS::Partition}}:states:{group.region}:{group.account}:stateMachine:{DEPLOY_MACHINE}"
    return {
        "Name": f"{group.name}-Deploy",
        "ActionTypeId": _action_type("Invoke", "StepFunctions"),
        "RunOrder": 1,
        "Region": group.region,
        "RoleArn": {"Fn::Sub": f"arn:${{AWS::Partition}}:iam::{group.account}:role/{DEPLOY_ROLE}"},
        "InputArtifacts": [{"Name": BUILD_ARTIFACT}],
        "Configuration": {
            "StateMachineArn": {"Fn::Sub": machine},
            "ExecutionNamePrefix": group.name,
            "InputType": "FilePath",
            "Input": f"deployments/{group.name}.json",
        },
    }


def build_approval(wave: int) -> dict[str, Any]:
    """The action in which somebody lets the wave begin."""
    return {
        "Name": f"ApproveWave{wave}",
        "ActionTypeId": _action_type("Approval", "Manual"),
        "Configuration": {"CustomData": f"Begin wave {wave}? The waves before it are deployed and tried."},
        "RunOrder": 1,
    }


def build_pipeline_start(logical_id: str, source_action: str, namespace: str) -> dict[str, Any]:
    """The action that starts the next pipeline, on the commit that this one's source action has fetched.

    Source: https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-PipelineInvoke.html
    """
    revision = {
        "actionName": source_action,
        "revisionType": "COMMIT_ID",
        "revisionValue": f"#{{{namespace}.CommitId}}",
    }
    return {
        "Name": f"Start{logical_id}",
        "ActionTypeId": _action_type("Invoke", "CodePipeline"),
        "Configuration": {
            "PipelineName": {"Ref": logical_id},
            "SourceRevisions": json.dumps([revision]),
            "Variables": json.dumps([{"name": STARTED_BY, "value": "pipeline"}]),
        },
        "RunOrder": 1,
    }


def _action_type(category: str, provider: str) -> dict[str, str]:
    return {"Category": category, "Owner": "AWS", "Provider": provider, "Version": "1"}
