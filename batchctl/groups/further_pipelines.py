"""Pipelines for the groups that one pipeline has no room for, each started by the one before it."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from batchctl.groups.actions import STARTED_BY, build_pipeline_start
from batchctl.groups.errors import RenderError

# The stage in which the first pipeline updates its own stack, and the others with it.
_UPDATE_STAGE = "UpdatePipeline"
_NAMESPACE = "SourceVariables"
# What would start a further pipeline by itself, and so before the waves of the one before it.
_FIRST_ALONE = frozenset({"Triggers", "RestartExecutionOnUpdate"})


def further_id(pipeline: str, number: int) -> str:
    """Logical id of the n-th pipeline: Pipeline, Pipeline2, ..."""
    return pipeline if number == 1 else f"{pipeline}{number}"


def add_further_pipelines(
    template: dict[str, Any], pipeline: str, fixed: Sequence[dict[str, Any]], waves: Mapping[int, list[Any]]
) -> None:
    """Add Pipeline2 and so on with these waves, and all that they need besides.

    `fixed` are the stages that the first pipeline has before its waves. A further pipeline fetches and builds the very
    commit of the first one, and is started by nothing but the one before it, since its waves come after that one's.
    """
    if not waves:
        return
    first = template["Resources"][pipeline]
    source = _find_source(first["Properties"]["Stages"])
    source.setdefault("Namespace", _NAMESPACE)
    own = [copy.deepcopy(stage) for stage in fixed if stage["Name"] != _UPDATE_STAGE]
    own_source = _find_source(own)
    own_source["Configuration"] = {**own_source["Configuration"], "DetectChanges": "false"}
    # The first stage takes no condition, and this is the one after it.
    own[1]["BeforeEntry"] = _build_guard()
    for number, stages in waves.items():
        properties = {key: value for key, value in first["Properties"].items() if key not in _FIRST_ALONE}
        properties |= {
            "Name": _name_further(properties.get("Name"), number),
            "Variables": [*properties.get("Variables", []), {"Name": STARTED_BY, "DefaultValue": "nobody"}],
            "Stages": [*own, *stages],
        }
        template["Resources"][further_id(pipeline, number)] = {**first, "Properties": properties}
    for number in waves:
        before = template["Resources"][further_id(pipeline, number - 1)]["Properties"]
        start = build_pipeline_start(further_id(pipeline, number), source["Name"], source["Namespace"])
        before["Stages"] = [*before["Stages"], {"Name": start["Name"], "Actions": [start]}]
    _let_start(template, pipeline, list(waves))
    _name_everywhere(template, pipeline, list(waves))


def _build_guard() -> dict[str, Any]:
    """Lets an execution on that the pipeline before has started, and fails any other one.

    CodePipeline starts a pipeline by itself when it is made, which would be before the earlier waves.
    Source: https://docs.aws.amazon.com/codepipeline/latest/userguide/rule-reference-VariableCheck.html
    """
    rule = {
        "Name": "StartedByPipelineBefore",
        "RuleTypeId": {"Category": "Rule", "Owner": "AWS", "Provider": "VariableCheck", "Version": "1"},
        "Configuration": {"Variable": f"#{{variables.{STARTED_BY}}}", "Operator": "EQ", "Value": "pipeline"},
    }
    return {"Conditions": [{"Result": "FAIL", "Rules": [rule]}]}


def _find_source(stages: list[dict[str, Any]]) -> dict[str, Any]:
    for action in stages[0]["Actions"]:
        if action["ActionTypeId"]["Category"] == "Source":
            found: dict[str, Any] = action
            return found
    raise RenderError("the first stage of the base template's pipeline has no Source action")


def _name_further(name: Any, number: int) -> Any:
    if name is None:
        return {"Fn::Sub": f"${{AWS::StackName}}-{number}"}
    if isinstance(name, str):
        return f"{name}-{number}"
    if isinstance(name, dict) and isinstance(name.get("Fn::Sub"), str):
        return {"Fn::Sub": f"{name['Fn::Sub']}-{number}"}
    if isinstance(name, dict) and "Ref" in name:
        return {"Fn::Sub": f"${{{name['Ref']}}}-{number}"}
    raise RenderError("the Name of the base template's pipeline has to be a text, Ref or Fn::Sub")


def _let_start(template: dict[str, Any], pipeline: str, numbers: list[int]) -> None:
    """Permission for the pipelines' role to start the further ones."""
    role = template["Resources"][pipeline]["Properties"]["RoleArn"]
    argument = role.get("Fn::GetAtt") if isinstance(role, dict) else None
    parts = argument.split(".") if isinstance(argument, str) else argument
    if not isinstance(parts, list) or parts[0] not in template["Resources"]:
        raise RenderError("the RoleArn of the base template's pipeline has to be Fn::GetAtt of a role in that template")
    arns = [
        {"Fn::Sub": f"arn:${{AWS::Partition}}:codepipeline:${{AWS::Region}}:${{AWS::AccountId}}:{_sub_text(name)}"}
        for name in (template["Resources"][further_id(pipeline, number)]["Properties"]["Name"] for number in numbers)
    ]
    # By name, since a reference to the pipelines would make a circle: they need this before they run.
    template["Resources"]["StartFurtherPipelines"] = {
        "Type": "AWS::IAM::RolePolicy",
        "Properties": {
            "RoleName": {"Ref": parts[0]},
            "PolicyName": "start-further-pipelines",
            "PolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Action": ["codepipeline:StartPipelineExecution", "codepipeline:GetPipelineExecution"],
                        "Resource": arns,
                    }
                ],
            },
        },
    }


def _sub_text(name: Any) -> str:
    return str(name["Fn::Sub"]) if isinstance(name, dict) else str(name)


def _name_everywhere(template: dict[str, Any], pipeline: str, numbers: list[int]) -> None:
    """Whatever lists the first pipeline, such as a rule that tells of failures, lists the others too."""
    own = {further_id(pipeline, number) for number in [1, *numbers]}
    for logical_id, resource in template["Resources"].items():
        if logical_id not in own:
            for items in _lists(resource):
                for item in list(items):
                    items += [
                        further
                        for number in numbers
                        if (further := _rename(item, pipeline, further_id(pipeline, number))) is not None
                    ]


def _rename(item: Any, pipeline: str, further: str) -> Any:
    if item == {"Ref": pipeline}:
        return {"Ref": further}
    text = item.get("Fn::Sub") if isinstance(item, dict) else None
    if isinstance(text, str) and f"${{{pipeline}}}" in text:
        return {"Fn::Sub": text.replace(f"${{{pipeline}}}", f"${{{further}}}")}
    return None


def _lists(value: Any) -> Iterator[list[Any]]:
    if isinstance(value, list):
        yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _lists(item)
