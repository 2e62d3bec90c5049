"""Versions and aliases of state machines."""

from collections.abc import Mapping
from typing import Any, ClassVar

from emulator.stack.aws_caller import AwsCaller
from emulator.stack.errors import TemplateError
from emulator.stack.providers.base import Made, Request, pick
from emulator.stack.shapes import shape_parameters

_ALL_TRAFFIC = 100


class StateMachineVersionProvider:
    """AWS::StepFunctions::StateMachineVersion."""

    properties: ClassVar[frozenset[str]] = frozenset({"Description", "StateMachineArn", "StateMachineRevisionId"})
    left_out: ClassVar[Mapping[str, str]] = {}
    attributes: ClassVar[frozenset[str]] = frozenset({"Arn"})

    async def create(self, request: Request, aws: AwsCaller) -> Made:
        """A version of the state machine as it stands now."""
        given = pick(request.properties, "Description", "StateMachineArn")
        parameters = shape_parameters("stepfunctions", "PublishStateMachineVersion", given, request.logical_id)
        if "StateMachineRevisionId" in request.properties:
            parameters["revisionId"] = str(request.properties["StateMachineRevisionId"])
        answer = await aws.call("stepfunctions", "PublishStateMachineVersion", **parameters)
        arn = str(answer["stateMachineVersionArn"])
        return Made(arn, {"Arn": arn})

    async def delete(self, made: Made, aws: AwsCaller, *, purge: bool) -> None:
        """Remove the version."""
        await aws.call("stepfunctions", "DeleteStateMachineVersion", stateMachineVersionArn=made.physical_id)


class StateMachineAliasProvider:
    """AWS::StepFunctions::StateMachineAlias."""

    properties: ClassVar[frozenset[str]] = frozenset(
        {"DeploymentPreference", "Description", "Name", "RoutingConfiguration"}
    )
    left_out: ClassVar[Mapping[str, str]] = {}
    attributes: ClassVar[frozenset[str]] = frozenset({"Arn"})

    async def create(self, request: Request, aws: AwsCaller) -> Made:
        """The alias; a deployment preference gives a new alias all traffic at once, as CloudFormation does."""
        given = pick(request.properties, "Description", "Name")
        given["RoutingConfiguration"] = _read_routing(request)
        parameters = shape_parameters("stepfunctions", "CreateStateMachineAlias", given, request.logical_id)
        answer = await aws.call("stepfunctions", "CreateStateMachineAlias", **parameters)
        arn = str(answer["stateMachineAliasArn"])
        return Made(arn, {"Arn": arn})

    async def delete(self, made: Made, aws: AwsCaller, *, purge: bool) -> None:
        """Remove the alias; its versions stay."""
        await aws.call("stepfunctions", "DeleteStateMachineAlias", stateMachineAliasArn=made.physical_id)


def _read_routing(request: Request) -> list[dict[str, Any]]:
    if "RoutingConfiguration" in request.properties:
        routes: list[dict[str, Any]] = request.properties["RoutingConfiguration"]
        return routes
    preference = request.properties.get("DeploymentPreference")
    if preference is None:
        raise TemplateError(f"{request.logical_id} needs RoutingConfiguration or DeploymentPreference")
    return [{"StateMachineVersionArn": preference["StateMachineVersionArn"], "Weight": _ALL_TRAFFIC}]
