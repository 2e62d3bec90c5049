"""Names of resources that the template leaves open, made as CloudFormation makes them."""

import secrets
import string
from collections.abc import Callable

# Longest name that the service takes; CloudFormation cuts the stack's and the resource's name to fit.
_LONGEST = {
    "AWS::S3::Bucket": 63,
    "AWS::Lambda::Function": 64,
    "AWS::IAM::Role": 64,
    "AWS::Scheduler::Schedule": 64,
    "AWS::SQS::Queue": 80,
    "AWS::StepFunctions::StateMachine": 80,
    "AWS::Kinesis::Stream": 128,
    "AWS::DynamoDB::Table": 255,
}
_LONGEST_OTHERWISE = 128
_LOWER_CASE = frozenset({"AWS::S3::Bucket"})
_ALPHABET = string.ascii_uppercase + string.digits
_SUFFIX_LENGTH = 12


def make_suffix() -> str:
    """Twelve random letters and digits."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(_SUFFIX_LENGTH))


def make_physical_name(
    stack_name: str, logical_id: str, resource_type: str, suffix: Callable[[], str] = make_suffix
) -> str:
    """`<stack>-<logical id>-<suffix>`, cut to the service's length and in its case.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cfn-resource-specification-name.html
    """
    end = suffix()
    longest = _LONGEST.get(resource_type, _LONGEST_OTHERWISE) - len(end) - 1
    # Both halves stay recognisable; what is too long loses its end.
    stack_part = stack_name[: max(longest - len(logical_id) - 1, longest // 2)]
    logical_part = logical_id[: longest - len(stack_part) - 1]
    name = f"{stack_part}-{logical_part}-{end}"
    return name.lower() if resource_type in _LOWER_CASE else name
