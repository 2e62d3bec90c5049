"""Adds the stages of the waves to the hand-written pipeline template."""

import copy
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from batchctl.groups.actions import BUILD_ARTIFACT, build_approval, build_group_action
from batchctl.groups.artifact_stores import add_artifact_stores
from batchctl.groups.errors import RenderError
from batchctl.groups.further_pipelines import add_further_pipelines, further_id
from batchctl.groups.group import TenantGroup
from batchctl.groups.places import ACTIONS_PER_PIPELINE, ACTIONS_PER_STAGE, Places, assign_places, stage_key

PIPELINE = "Pipeline"
_PARAMETERS = {
    "ApproveWaves": {
        "Type": "String",
        "Description": "yes makes each wave after the canary wait until somebody approves it.",
        "Default": "no",
        "AllowedValues": ["yes", "no"],
        "ConstraintDescription": "yes or no",
    },
    "WaveFailure": {
        "Type": "String",
        "Description": (
            "What happens by itself when a wave fails. retry: the groups that failed are tried once more, the others"
            " are left alone. rollback: all groups of the stage get the last release that went through it."
        ),
        "Default": "retry",
        "AllowedValues": ["retry", "rollback"],
        "ConstraintDescription": "retry or rollback",
    },
}
_CONDITIONS = {
    "ApprovesWaves": {"Fn::Equals": [{"Ref": "ApproveWaves"}, "yes"]},
    "RollsWavesBack": {"Fn::Equals": [{"Ref": "WaveFailure"}, "rollback"]},
}
# FAILED_ACTIONS: an action is a whole group, and a deployment begins anew wherever it has failed.
# https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_RetryConfiguration.html
_ON_FAILURE = {
    "Fn::If": [
        "RollsWavesBack",
        {"Result": "ROLLBACK"},
        {"Result": "RETRY", "RetryConfiguration": {"RetryMode": "FAILED_ACTIONS"}},
    ]
}


def render_stages(
    groups: Sequence[TenantGroup], base_template: Mapping[str, Any], places: Places | None = None
) -> dict[str, Any]:
    """The base template with a stage for each wave, the canary first, split where the quotas ask for it.

    Groups that do not fit into one pipeline go on in Pipeline2, which Pipeline starts when its own waves are through.
    `places` says which stage each group is in; without it they are placed anew. Raises RenderError.
    """
    template = copy.deepcopy(dict(base_template))
    properties = find_pipeline(template)
    fixed = copy.deepcopy(properties["Stages"])
    if places is None:
        places = place_groups(groups, base_template, Places())
    stages = _build_stages(groups, places)
    properties["Stages"] = fixed + stages[1]
    template["Parameters"] = {**_PARAMETERS, **(template.get("Parameters") or {})}
    template["Conditions"] = {**(template.get("Conditions") or {}), **_CONDITIONS}
    add_artifact_stores(template, PIPELINE, sorted({group.region for group in groups}))
    add_further_pipelines(template, PIPELINE, fixed, {number: stages[number] for number in stages if number > 1})
    for number in stages:
        _check_quotas(template["Resources"][further_id(PIPELINE, number)]["Properties"]["Stages"])
    return template


def place_groups(groups: Sequence[TenantGroup], base_template: Mapping[str, Any], previous: Places) -> Places:
    """The place of each group in this pipeline, the previous one where it can keep it."""
    fixed = find_pipeline(base_template)["Stages"]
    # One stage with one action more: it starts the next pipeline.
    return assign_places(groups, previous, sum(len(stage["Actions"]) for stage in fixed) + 1, len(fixed) + 1)


def find_pipeline(template: Mapping[str, Any]) -> dict[str, Any]:
    """Properties of the pipeline to which the waves are added. Raises RenderError where it is not as they need it."""
    resource = template["Resources"].get(PIPELINE)
    if not isinstance(resource, dict) or resource.get("Type") != "AWS::CodePipeline::Pipeline":
        raise RenderError(f"the base template has no resource {PIPELINE} of type AWS::CodePipeline::Pipeline")
    properties: dict[str, Any] = resource["Properties"]
    if properties.get("PipelineType") != "V2":
        raise RenderError(f"the base template's {PIPELINE} has to be of PipelineType V2: V1 cannot retry or roll back")
    outputs = [
        artifact.get("Name")
        for stage in properties["Stages"]
        for action in stage["Actions"]
        for artifact in action.get("OutputArtifacts", [])
    ]
    if BUILD_ARTIFACT not in outputs:
        raise RenderError(f"no action of the base template's {PIPELINE} has the output artifact {BUILD_ARTIFACT}")
    return properties


def _build_stages(groups: Sequence[TenantGroup], places: Places) -> dict[int, list[Any]]:
    """Stages of each pipeline by its number, in the order in which they run."""
    members = defaultdict(list)
    for group in sorted(groups, key=lambda group: group.name):
        members[places.stages[group.name]].append(group)
    stages: dict[int, list[Any]] = {number: [] for number in range(1, places.pipeline_count + 1)}
    last_wave = 0
    for name in sorted(members, key=stage_key):
        wave = stage_key(name)[0]
        pipeline = stages[places.pipelines[name]]
        if wave != last_wave:
            approval = {"Name": f"ApproveWave{wave}", "Actions": [build_approval(wave)]}
            pipeline.append({"Fn::If": ["ApprovesWaves", approval, {"Ref": "AWS::NoValue"}]})
        actions = [build_group_action(group) for group in members[name]]
        pipeline.append({"Name": name, "OnFailure": _ON_FAILURE, "Actions": actions})
        last_wave = wave
    return stages


def _check_quotas(stages: Sequence[Mapping[str, Any]]) -> None:
    counts = [len((stage["Fn::If"][1] if "Fn::If" in stage else stage)["Actions"]) for stage in stages]
    if max(counts) > ACTIONS_PER_STAGE or sum(counts) > ACTIONS_PER_PIPELINE:
        raise RenderError(
            f"{sum(counts)} actions with up to {max(counts)} in a stage are over CodePipeline's quotas of"
            f" {ACTIONS_PER_PIPELINE} and {ACTIONS_PER_STAGE}: the base template has too many actions of its own"
        )
