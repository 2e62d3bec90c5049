"""State machines, with the substitutions of their definition carried out."""

import json
import re
from collections.abc import Mapping
from typing import Any, ClassVar

from emulator.stack.aws_caller import AwsCaller
from emulator.stack.errors import TemplateError
from emulator.stack.providers.base import Made, Request, pick
from emulator.stack.shapes import shape_parameters, to_text

_SUBSTITUTION = re.compile(r"\$\{([A-Za-z0-9_.-]+)\}")


class StateMachineProvider:
    """AWS::StepFunctions::StateMachine."""

    properties: ClassVar[frozenset[str]] = frozenset(
        {
            "Definition", "DefinitionS3Location", "DefinitionString", "DefinitionSubstitutions", "LoggingConfiguration",
            "RoleArn", "StateMachineName", "StateMachineType", "Tags", "TracingConfiguration",
        }
    )  # fmt: skip
    left_out: ClassVar[Mapping[str, str]] = {
        "EncryptionConfiguration": "definitions and histories are held in this machine's memory, unencrypted",
    }
    attributes: ClassVar[frozenset[str]] = frozenset({"Arn", "Name", "StateMachineRevisionId"})

    async def create(self, request: Request, aws: AwsCaller) -> Made:
        """The state machine; Step Functions checks its definition."""
        given = request.properties
        passed = pick(given, "LoggingConfiguration", "TracingConfiguration", "RoleArn", "Tags")
        name = str(given.get("StateMachineName", request.physical_name))
        answer = await aws.call(
            "stepfunctions",
            "CreateStateMachine",
            **shape_parameters("stepfunctions", "CreateStateMachine", passed, request.logical_id),
            name=name,
            type=given.get("StateMachineType", "STANDARD"),
            definition=_read_definition(request),
        )
        arn = str(answer["stateMachineArn"])
        # A new state machine has no revision yet, which goes by this name.
        # https://docs.aws.amazon.com/step-functions/latest/apireference/API_PublishStateMachineVersion.html
        return Made(arn, {"Arn": arn, "Name": name, "StateMachineRevisionId": "INITIAL"})

    async def delete(self, made: Made, aws: AwsCaller, *, purge: bool) -> None:
        """Remove the state machine; what runs of it ends by itself."""
        await aws.call("stepfunctions", "DeleteStateMachine", stateMachineArn=made.physical_id)


def substitute(definition: str, substitutions: Mapping[str, Any], where: str) -> str:
    """The definition with each `${Name}` replaced; a name that has no substitution is refused."""

    def replace(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in substitutions:
            raise TemplateError(
                f"{where}: the definition uses ${{{name}}}, which DefinitionSubstitutions does not have"
            )
        return to_text(substitutions[name])

    return _SUBSTITUTION.sub(replace, definition)


def _read_definition(request: Request) -> str:
    given = request.properties
    location = given.get("DefinitionS3Location")
    if location:
        text = request.code.read(location["Bucket"], location["Key"], request.where("DefinitionUri")).decode()
    elif "DefinitionString" in given:
        text = to_text(given["DefinitionString"])
    elif "Definition" in given:
        text = json.dumps(given["Definition"])
    else:
        raise TemplateError(f"{request.logical_id} has no definition: give DefinitionUri or Definition")
    definition = substitute(text, given.get("DefinitionSubstitutions", {}), request.logical_id)
    try:
        json.loads(definition)
    except json.JSONDecodeError as error:
        raise TemplateError(f"{request.logical_id}: the definition is no JSON: {error}") from error
    return definition
