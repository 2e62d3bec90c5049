"""A plan says everything that is wrong with a template before anything is created."""

import re
from typing import Any

import pytest

from emulator.stack import NotEmulated, ParameterError, TemplateError
from tests.emulator.stack.loader import Loader


def _bucket(**keys: Any) -> dict[str, Any]:
    return {"Type": "AWS::S3::Bucket", **keys}


def test_load_stack_orders_resources_when_they_need_each_other(load: Loader) -> None:
    plan = load(
        """
        Resources:
          Policy:
            Type: AWS::S3::BucketPolicy
            Properties: { Bucket: !Ref Bucket, PolicyDocument: { Resource: !Sub "${Bucket.Arn}/*" } }
          Bucket: { Type: AWS::S3::Bucket, DependsOn: Group }
          Group: { Type: AWS::Logs::LogGroup }
        """
    )

    assert list(plan.resources) == ["Group", "Bucket", "Policy"]
    assert plan.resources["Policy"].depends_on == {"Bucket"}


def test_load_stack_leaves_the_resource_out_when_its_condition_is_false(load: Loader) -> None:
    template = """
        Parameters: { Wanted: { Type: String, AllowedValues: ["yes", "no"] } }
        Conditions: { IsWanted: !Equals [!Ref Wanted, "yes"] }
        Resources:
          Bucket: { Type: AWS::S3::Bucket, Condition: IsWanted }
          Group: { Type: AWS::Logs::LogGroup, DependsOn: Bucket }
        Outputs:
          Name: { Condition: IsWanted, Value: !Ref Bucket }
        """

    assert list(load(template, Wanted="yes").resources) == ["Bucket", "Group"]
    assert list(load(template, Wanted="no").resources) == ["Group"]


def test_load_stack_names_the_condition_when_a_resource_that_is_off_is_needed(load: Loader) -> None:
    template = """
        Conditions: { Never: !Equals [a, b] }
        Resources:
          Bucket: { Type: AWS::S3::Bucket, Condition: Never }
          Policy: { Type: AWS::S3::BucketPolicy, Properties: { Bucket: !Ref Bucket, PolicyDocument: {} } }
        """

    with pytest.raises(TemplateError, match=r"Policy\.Bucket needs Bucket, which is not created: its condition Never"):
        load(template)


def test_load_stack_names_the_circle_when_resources_need_each_other_in_one(load: Loader) -> None:
    template = """
        Resources:
          First: { Type: AWS::Logs::LogGroup, DependsOn: Second }
          Second: { Type: AWS::Logs::LogGroup, Properties: { LogGroupName: !Sub "x-${Third}" } }
          Third: { Type: AWS::Logs::LogGroup, DependsOn: [First] }
        """

    with pytest.raises(TemplateError) as caught:
        load(template)

    circle = str(caught.value).removeprefix("resources need each other: ").split(" -> ")
    assert circle[0] == circle[-1]
    assert set(circle) == {"First", "Second", "Third"}
    # Each needs the next one.
    assert "Second -> Third" in " -> ".join(circle + circle[1:])


@pytest.mark.parametrize(
    ("resources", "message"),
    [
        ({"Group": {"Type": "AWS::Logs::LogGroup", "DependsOn": "Gone"}}, "Group: DependsOn names Gone"),
        ({"Bucket": _bucket(Properties={"BucketName": {"Ref": "Gone"}})}, r"Bucket\.BucketName: Ref names Gone"),
        (
            {"Bucket": _bucket(Properties={"WebsiteConfiguration": {}})},
            "property WebsiteConfiguration of AWS::S3::Bucket",
        ),
        ({"Bucket": _bucket(Condition="Gone")}, "condition Gone is not defined"),
        ({"Bucket": {"Properties": {}}}, "resource Bucket has no Type"),
        ({"Bucket": _bucket(Propertys={})}, "resource Bucket has keys that are not emulated: Propertys"),
        ({"Fn::ForEach::Buckets": ["Name", ["a"], {}]}, "Fn::ForEach::Buckets is not emulated"),
    ],
)
def test_load_stack_names_the_resource_and_the_cause_when_it_cannot_be_made(
    load: Loader, resources: dict[str, Any], message: str
) -> None:
    with pytest.raises(TemplateError, match=message):
        load({"Resources": resources})


def test_load_stack_names_the_attribute_when_the_type_does_not_have_it(load: Loader) -> None:
    template = "Resources: { Bucket: { Type: AWS::S3::Bucket } }\nOutputs: { It: { Value: !GetAtt Bucket.Colour } }"

    with pytest.raises(
        TemplateError, match=r"Outputs\.It: AWS::S3::Bucket Bucket has no attribute Colour here, only Arn"
    ):
        load(template)


def test_load_stack_lists_what_has_no_effect_when_the_type_is_not_emulated(load: Loader) -> None:
    plan = load(
        """
        Resources:
          Group: { Type: AWS::EC2::SecurityGroup, Properties: { GroupDescription: x } }
          Bell: { Type: AWS::CloudWatch::Alarm, Properties: { AlarmName: !Sub "x-${Group}" } }
          Timer: { Type: AWS::Scheduler::Schedule, Properties: { Target: {} } }
          Logs: { Type: AWS::Logs::LogGroup, Properties: { KmsKeyId: key } }
        """
    )

    assert [(item.logical_id, item.property) for item in plan.not_emulated] == [
        ("Group", None), ("Bell", None), ("Timer", None), ("Logs", "KmsKeyId"),
    ]  # fmt: skip
    assert plan.not_emulated[1] == NotEmulated(
        "AWS::CloudWatch::Alarm",
        "Bell",
        "nothing watches metrics here: ask CloudWatch for them by GetMetricData",
    )


@pytest.mark.parametrize("resource_type", ["Custom::Steps", "AWS::CloudFormation::CustomResource"])
def test_load_stack_lists_a_custom_resource_when_its_condition_is_true_and_only_then(
    load: Loader, resource_type: str
) -> None:
    template = f"""
        Parameters: {{ Wanted: {{ Type: String, AllowedValues: ["yes", "no"] }} }}
        Conditions: {{ IsWanted: !Equals [!Ref Wanted, "yes"] }}
        Resources:
          Steps: {{ Type: "{resource_type}", Condition: IsWanted, Properties: {{ ServiceToken: arn, After: [""] }} }}
          Logs:
            Type: AWS::Logs::LogGroup
            Properties: {{ LogGroupName: !If [IsWanted, !Ref Steps, none] }}
        """

    wanted, unwanted = load(template, Wanted="yes"), load(template, Wanted="no")

    assert wanted.not_emulated == [
        NotEmulated(resource_type, "Steps", "nobody calls the function of a custom resource here; invoke it by hand")
    ]
    assert wanted.resources["Logs"].depends_on == {"Steps"}
    assert (unwanted.not_emulated, list(unwanted.resources)) == ([], ["Logs"])


def test_load_stack_refuses_an_invented_value_when_an_attribute_of_a_type_that_is_not_emulated_is_needed(
    load: Loader,
) -> None:
    template = """
        Resources:
          Proxy: { Type: AWS::RDS::DBProxy }
          Group: { Type: AWS::Logs::LogGroup, Properties: { LogGroupName: !GetAtt Proxy.Endpoint } }
        """

    with pytest.raises(TemplateError, match=r"Group\.LogGroupName needs Proxy\.Endpoint, but AWS::RDS::DBProxy is not"):
        load(template)


def test_load_stack_says_every_assertion_that_fails_when_rules_refuse_the_parameters(load: Loader) -> None:
    template = """
        Parameters: { Mode: { Type: String }, Host: { Type: String, Default: "" } }
        Rules:
          ModeNeedsHost:
            RuleCondition: !Equals [!Ref Mode, direct]
            Assertions:
              - { Assert: !Not [!Equals [!Ref Host, ""]], AssertDescription: give a Host }
              - { Assert: !Equals [!Ref Mode, direct], AssertDescription: never fails }
          Always:
            Assertions:
              - { Assert: !Contains [[proxy, none], !Ref Mode], AssertDescription: no direct }
        Resources: { Bucket: { Type: AWS::S3::Bucket } }
        """

    with pytest.raises(ParameterError) as caught:
        load(template, Mode="direct")

    assert caught.value.problems == ["rule ModeNeedsHost: give a Host", "rule Always: no direct"]
    assert list(load(template, Mode="proxy").resources) == ["Bucket"]


def test_load_stack_names_the_function_when_a_rule_cannot_use_it(load: Loader) -> None:
    # https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-rules.html
    template = """
        Rules: { Joined: { Assertions: [{ Assert: !Equals [!Join ["", [a]], a] }] } }
        Resources: { Bucket: { Type: AWS::S3::Bucket } }
        """

    with pytest.raises(TemplateError, match=r"Rules\.Joined\.Assertions\[0\]: a rule cannot use Fn::Join"):
        load(template)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Resources: [", "is no YAML"),
        ("Description: nothing", "has no Resources"),
        ("Resources: {}\nHooks: {}", "sections that are not emulated: Hooks"),
        ("Resources: {}\nTransform: AWS::LanguageExtensions", "transform AWS::LanguageExtensions is not emulated"),
    ],
)
def test_load_stack_names_the_cause_when_the_file_is_no_template(load: Loader, text: str, message: str) -> None:
    with pytest.raises(TemplateError, match=re.escape(message)):
        load(text)


def test_load_stack_names_the_cause_when_the_sam_transform_refuses_the_template(load: Loader) -> None:
    template = """
        Transform: AWS::Serverless-2016-10-31
        Resources: { Job: { Type: AWS::Serverless::Function, Properties: { Handler: a.b, Runtime: python3.13 } } }
        """

    with pytest.raises(TemplateError, match=r"the SAM transform refuses the template: .*\[Job\]"):
        load(template)
