"""Names are CloudFormation's: stack, logical id and a random end, within what the service takes.

Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cfn-resource-specification-name.html
"""

import pytest

from emulator.stack.physical_names import make_physical_name, make_suffix


def _name(stack: str, logical_id: str, resource_type: str) -> str:
    return make_physical_name(stack, logical_id, resource_type, lambda: "ABCDEFGHIJKL")


def test_make_physical_name_joins_stack_id_and_suffix_when_they_fit() -> None:
    assert _name("demo", "Queue", "AWS::SQS::Queue") == "demo-Queue-ABCDEFGHIJKL"


def test_make_physical_name_is_in_lower_case_when_it_is_a_bucket() -> None:
    assert _name("Demo", "RunBucket", "AWS::S3::Bucket") == "demo-runbucket-abcdefghijkl"


@pytest.mark.parametrize(
    ("resource_type", "longest"), [("AWS::S3::Bucket", 63), ("AWS::Lambda::Function", 64), ("AWS::SQS::Queue", 80)]
)
@pytest.mark.parametrize(("stack", "logical_id"), [("s" * 128, "Queue"), ("demo", "L" * 255), ("s" * 128, "L" * 255)])
def test_make_physical_name_is_cut_to_the_limit_when_it_would_pass_it(
    resource_type: str, longest: int, stack: str, logical_id: str
) -> None:
    name = _name(stack, logical_id, resource_type)

    assert len(name) <= longest
    assert name.lower().endswith("-abcdefghijkl")
    assert name[0].lower() == stack[0]
    assert f"-{logical_id[0].lower()}" in name.lower()


def test_make_suffix_differs_when_asked_twice() -> None:
    assert make_suffix() != make_suffix()
