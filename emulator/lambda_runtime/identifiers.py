"""The ways to name a function: name, partial ARN, ARN, each with or without a qualifier.

Source: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html (FunctionName)
"""

import re
from dataclasses import dataclass

from emulator.errors import AwsError
from emulator.identity import Identity

LATEST = "$LATEST"
REFERENCE = re.compile(
    r"(?:arn:(?P<partition>aws[a-zA-Z-]*):lambda:(?P<region>[a-z0-9-]+):(?P<arn_account>\d{12}):function:"
    r"|(?P<account>\d{12}):function:|function:)?"
    r"(?P<name>[a-zA-Z0-9-_]+)(?::(?P<qualifier>\$LATEST|[a-zA-Z0-9-_]+))?"
)
NAME = re.compile(r"[a-zA-Z0-9-_]{1,64}")


@dataclass(frozen=True, slots=True)
class FunctionReference:
    """A function's name and, where given, a version or alias."""

    name: str
    qualifier: str | None = None


def parse_reference(text: str, identity: Identity, qualifier: str | None = None) -> FunctionReference:
    """What `text` names; `qualifier` is the request's own, which must not contradict the one in `text`."""
    match = REFERENCE.fullmatch(text)
    if match is None:
        raise AwsError(
            "ValidationException",
            f"1 validation error detected: Value '{text}' at 'functionName' failed to satisfy constraint: "
            f"Member must satisfy regular expression pattern: {REFERENCE.pattern}",
        )
    account = match["arn_account"] or match["account"]
    if (match["region"] or identity.region) != identity.region or (
        account or identity.account_id
    ) != identity.account_id:
        raise function_not_found(text)
    named = match["qualifier"]
    if named is not None and qualifier is not None and named != qualifier:
        raise AwsError(
            "InvalidParameterValueException",
            "The derived qualifier from the function name does not match the specified qualifier.",
        )
    return FunctionReference(match["name"], named or qualifier)


def make_function_arn(identity: Identity, name: str, qualifier: str | None = None) -> str:
    """The function's ARN, qualified if `qualifier` is given."""
    return identity.arn("lambda", f"function:{name}" if qualifier is None else f"function:{name}:{qualifier}")


def function_not_found(arn: str) -> AwsError:
    """The error for a function, version or alias that does not exist."""
    return AwsError("ResourceNotFoundException", f"Function not found: {arn}", 404)
