"""The pipeline's actions for one tenant group: change set, its execution, smoke run."""

import json
from typing import Any

from batchctl.groups.group import TenantGroup

# In every account that has a group: the first is assumed by the pipeline, the second by CloudFormation.
DEPLOY_ROLE = "express-batch-deploy"
CLOUDFORMATION_ROLE = "express-batch-cloudformation"
BUILD_ARTIFACT = "BuildOutput"
CHANGE_SET = "express-batch-pipeline"

# The action does not wait for an Express state machine and succeeds even where that fails:
# https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-StepFunctions.html
# So it starts this Standard state machine of the group's stack, which runs UserBatch with the given input through
# StartSyncExecution and fails where UserBatch does. The action waits for that one.
SMOKE_RUN_MACHINE = "SmokeRun"
SMOKE_RUN_INPUT = {"dry_run": True, "users": 100}

# The variable by which a further pipeline knows that the one before it has started it.
STARTED_BY = "StartedBy"

_CREATE, _EXECUTE, _SMOKE = 1, 2, 3  # run orders


def build_group_actions(group: TenantGroup) -> list[dict[str, Any]]:
    """ActionDeclarations that deploy the group's stack and try it, in its own account and region.

    All groups of a stage run side by side, step by step. The group's name begins each action's name, so that a failure
    names the group.
    """
    change_set = {"StackName": group.stack_name, "ChangeSetName": CHANGE_SET}
    return [
        _build_action(
            group,
            "CreateChangeSet",
            _CREATE,
            ("Deploy", "CloudFormation"),
            {
                "ActionMode": "CHANGE_SET_REPLACE",
                **change_set,
                "TemplatePath": f"{BUILD_ARTIFACT}::packaged-{group.region}.yaml",
                "TemplateConfiguration": f"{BUILD_ARTIFACT}::configurations/{group.name}.json",
                # The second is for the SAM transform.
                "Capabilities": "CAPABILITY_IAM,CAPABILITY_AUTO_EXPAND",
                "RoleArn": _role(group, CLOUDFORMATION_ROLE),
            },
            needs_build=True,
        ),
        _build_action(
            group,
            "ExecuteChangeSet",
            _EXECUTE,
            ("Deploy", "CloudFormation"),
            {"ActionMode": "CHANGE_SET_EXECUTE", **change_set},
        ),
        _build_action(
            group,
            "SmokeRun",
            _SMOKE,
            ("Invoke", "StepFunctions"),
            {
                "StateMachineArn": {
                    "Fn::Sub": f"arn:${{AWS::Partition}}:states:{group.region}:{group.account}:stateMachine:"
                    f"{group.stack_name}-{SMOKE_RUN_MACHINE}"
                },
                "ExecutionNamePrefix": "pipeline",
                "InputType": "Literal",
                "Input": json.dumps(SMOKE_RUN_INPUT),
            },
        ),
    ]


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


def _build_action(
    group: TenantGroup,
    step: str,
    run_order: int,
    action_type: tuple[str, str],
    configuration: dict[str, Any],
    *,
    needs_build: bool = False,
) -> dict[str, Any]:
    action: dict[str, Any] = {
        "Name": f"{group.name}-{step}",
        "ActionTypeId": _action_type(*action_type),
        "RunOrder": run_order,
        "Region": group.region,
        "RoleArn": _role(group, DEPLOY_ROLE),
    }
    if needs_build:
        action["InputArtifacts"] = [{"Name": BUILD_ARTIFACT}]
    return {**action, "Configuration": configuration}


def _action_type(category: str, provider: str) -> dict[str, str]:
    return {"Category": category, "Owner": "AWS", "Provider": provider, "Version": "1"}


def _role(group: TenantGroup, name: str) -> dict[str, str]:
    return {"Fn::Sub": f"arn:${{AWS::Partition}}:iam::{group.account}:role/{name}"}
