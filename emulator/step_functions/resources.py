"""What the Resource of a Task names, and what is refused.

Source: https://docs.aws.amazon.com/step-functions/latest/dg/integrate-services.html
"""

import re
from dataclasses import dataclass
from typing import Literal, cast

from emulator.step_functions.sdk_catalog import SdkAction, UnknownActionError, find_action

_LAMBDA_ARN = re.compile(r"arn:aws[\w-]*:lambda:[a-z0-9-]+:\d{12}:function:[\w-]+(:[\w$-]+)?")
_ACTIVITY_ARN = re.compile(r"arn:aws[\w-]*:states:[a-z0-9-]+:\d{12}:activity:.+")
_INTEGRATION = re.compile(r"arn:aws[\w-]*:states:[a-z0-9-]*:(?:\d{12})?:([\w-]+):([\w-]+)(?::([\w-]+))?(\.[\w:]+)?")
# Integrations that AWS offers and this emulator does not, so that they can be refused by their name.
_NOT_IMPLEMENTED = frozenset(
    {
        "apigateway",
        "athena",
        "batch",
        "bedrock",
        "codebuild",
        "databrew",
        "ecs",
        "eks",
        "elasticmapreduce",
        "emr-containers",
        "emr-serverless",
        "glue",
        "http",
        "mediaconvert",
        "sagemaker",
    }
)


class ResourceError(ValueError):
    """A Resource that AWS or this emulator refuses."""


@dataclass(frozen=True, slots=True)
class OptimizedNames:
    """How an optimized integration names its errors, and whether its result has the HTTP metadata."""

    prefix: str
    fallback: str
    has_metadata: bool


_OPTIMIZED: dict[tuple[str, str], tuple[str, OptimizedNames]] = {
    **{
        ("dynamodb", action): ("dynamodb", OptimizedNames("DynamoDB", "AmazonDynamoDBException", has_metadata=True))
        for action in ("getItem", "putItem", "updateItem", "deleteItem")
    },
    ("sqs", "sendMessage"): ("sqs", OptimizedNames("SQS", "AmazonSQSException", has_metadata=True)),
    ("sns", "publish"): ("sns", OptimizedNames("SNS", "AmazonSNSException", has_metadata=True)),
    ("events", "putEvents"): (
        "eventbridge",
        OptimizedNames("EventBridge", "AmazonEventBridgeException", has_metadata=False),
    ),
    ("states", "startExecution"): (
        "sfn",
        OptimizedNames("StepFunctions", "AWSStepFunctionsException", has_metadata=True),
    ),
}


@dataclass(frozen=True, slots=True)
class Resource:
    """A Task's target. `resource_type` and `resource` are what the history's task events show."""

    text: str
    kind: Literal["lambda_function", "lambda_invoke", "aws_sdk", "optimized"]
    resource_type: str
    resource: str
    action: SdkAction | None = None
    names: OptimizedNames | None = None
    waits: Literal["", ".sync", ".sync:2"] = ""
    """Whether the task waits for what it starts; with .sync the output is a text, with .sync:2 a value."""


def parse_resource(text: str, machine_type: str) -> Resource:
    """The target that `text` names; raises ResourceError with AWS's message, or one that names what is missing."""
    if _LAMBDA_ARN.fullmatch(text):
        return Resource(text, "lambda_function", "lambda", text)
    if _ACTIVITY_ARN.fullmatch(text):
        if machine_type == "EXPRESS":
            raise ResourceError("Express state machine does not support Activity ARN")
        raise ResourceError("not implemented by this emulator: activities")
    found = _INTEGRATION.fullmatch(text)
    if not found:
        raise _not_recognized(text)
    service, action, sdk_action, pattern = found.groups()
    if pattern:
        _check_pattern(pattern, text, machine_type)
        # Waiting is what states:startExecution is used for; a job of another service would have to be emulated first.
        if (service, action) != ("states", "startExecution"):
            name = ".sync" if pattern.startswith(".sync") else pattern
            raise ResourceError(f"not implemented by this emulator: the '{name}' service integration pattern")
    if service == "aws-sdk":
        return _aws_sdk(text, action, sdk_action)
    if sdk_action is not None:
        raise _not_recognized(text)
    if (service, action) == ("lambda", "invoke"):
        return Resource(text, "lambda_invoke", "lambda", "invoke")
    if (service, action) in _OPTIMIZED:
        sdk_name, names = _OPTIMIZED[service, action]
        waits = cast(Literal["", ".sync", ".sync:2"], pattern or "")
        return Resource(text, "optimized", service, action + waits, find_action(sdk_name, action), names, waits)
    if service in _NOT_IMPLEMENTED:
        raise ResourceError(f"not implemented by this emulator: the integration '{service}:{action}'")
    raise _not_recognized(text)


def _check_pattern(pattern: str, text: str, machine_type: str) -> None:
    if pattern not in (".sync", ".sync:2", ".waitForTaskToken"):
        raise _not_recognized(text)
    name = ".sync" if pattern.startswith(".sync") else pattern
    if machine_type == "EXPRESS":
        raise ResourceError(f"Express state machine does not support '{name}' service integration")
    if name == ".waitForTaskToken":
        raise ResourceError(f"not implemented by this emulator: the '{name}' service integration pattern")


def _aws_sdk(text: str, service: str, action: str | None) -> Resource:
    if action is None:
        raise _not_recognized(text)
    try:
        found = find_action(service, action)
    except UnknownActionError as error:
        raise ResourceError(f"{_not_recognized(text)}: {error}") from error
    return Resource(text, "aws_sdk", f"aws-sdk:{service}", action, found)


def _not_recognized(text: str) -> ResourceError:
    return ResourceError(
        f"The resource provided {text} is not recognized. The value is not a valid resource ARN, or the resource is "
        "not available in this region."
    )
