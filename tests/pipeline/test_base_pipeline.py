"""The hand-written pipeline: what every stage needs is there, nothing is open, and a failure names its group."""

import re
from typing import Any

import pytest
import yaml

from emulator.stack.template_file import read_template
from tests.pipeline.base_pipeline import ARTIFACT_STORE, PIPELINE, ROOT, list_actions, list_statements, read_resources

_RESOURCES = read_resources(PIPELINE)
_STAGES: list[dict[str, Any]] = _RESOURCES["Pipeline"]["Properties"]["Stages"]
_ACTIONS = {action["Name"]: action for stage in _STAGES for action in stage["Actions"]}


def test_stages_before_the_waves_are_source_build_and_the_update_of_the_pipeline_itself() -> None:
    properties = _RESOURCES["Pipeline"]["Properties"]

    assert [stage["Name"] for stage in _STAGES] == ["Source", "Build", "UpdatePipeline"]
    assert properties["PipelineType"] == "V2"
    # A stage cannot be rolled back where executions run beside each other.
    assert properties["ExecutionMode"] == "SUPERSEDED"
    # Without it the execution that brought a new group would end without it.
    assert properties["RestartExecutionOnUpdate"] is True


def test_push_starts_the_pipeline_by_branch_and_paths_alone() -> None:
    (trigger,) = _RESOURCES["Pipeline"]["Properties"]["Triggers"]
    configuration = trigger["GitConfiguration"]

    assert configuration["SourceActionName"] in _ACTIONS
    assert configuration["Push"] == [
        {"Branches": {"Includes": [{"Ref": "Branch"}]}, "FilePaths": {"Includes": {"Ref": "TriggerPaths"}}}
    ]
    assert _ACTIONS[configuration["SourceActionName"]]["Configuration"]["DetectChanges"] == "false"


def test_trigger_paths_are_as_many_as_a_filter_takes_and_name_what_is_there() -> None:
    # https://docs.aws.amazon.com/codepipeline/latest/userguide/limits.html: 8 patterns
    paths = read_template(PIPELINE)["Parameters"]["TriggerPaths"]["Default"].split(",")

    assert len(paths) <= 8
    assert [path for path in paths if not (ROOT / path.removesuffix("/**")).exists()] == []


def test_artifacts_of_the_build_are_those_that_actions_take() -> None:
    buildspec = yaml.safe_load((ROOT / "pipeline/buildspecs/build.yaml").read_text(encoding="utf-8"))
    files = buildspec["artifacts"]["files"]
    update = _ACTIONS["UpdatePipeline"]["Configuration"]

    for path in (update["TemplatePath"], update["TemplateConfiguration"]):
        assert path.removeprefix("BuildOutput::") in files
    assert "deployments/**/*" in files
    assert _ACTIONS["Build"]["OutputArtifacts"] == [{"Name": "BuildOutput"}]


def test_build_projects_name_buildspecs_that_are_there_and_run_on_the_functions_architecture() -> None:
    projects = [item["Properties"] for item in _RESOURCES.values() if item["Type"] == "AWS::CodeBuild::Project"]

    assert len(projects) == 2
    for project in projects:
        assert (ROOT / project["Source"]["BuildSpec"]).is_file()
        assert project["Environment"]["Type"] == "ARM_CONTAINER"
    assert read_template(ROOT / "template.yaml")["Parameters"]["Architecture"]["Default"] == "arm64"


@pytest.mark.parametrize("name", ["test", "build"])
def test_buildspec_runs_on_the_python_of_the_functions(name: str) -> None:
    buildspec = yaml.safe_load((ROOT / f"pipeline/buildspecs/{name}.yaml").read_text(encoding="utf-8"))
    runtime = read_template(ROOT / "template.yaml")["Parameters"]["Runtime"]["Default"]

    assert f"python{buildspec['phases']['install']['runtime-versions']['python']}" == runtime


@pytest.mark.parametrize("template", [PIPELINE, ARTIFACT_STORE], ids=["home", "elsewhere"])
def test_artifacts_are_encrypted_private_reached_by_tls_alone_and_expire(template: Any) -> None:
    resources = read_resources(template)
    bucket = resources["ArtifactBucket"]["Properties"]
    policy = resources["ArtifactBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    encryption = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"][0]["ServerSideEncryptionByDefault"]

    assert resources["ArtifactKey"]["Properties"]["EnableKeyRotation"] is True
    assert encryption == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": {"Fn::GetAtt": ["ArtifactKey", "Arn"]}}
    assert list(bucket["PublicAccessBlockConfiguration"].values()) == [True] * 4
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert "ExpirationInDays" in bucket["LifecycleConfiguration"]["Rules"][0]
    deny = [statement for statement in policy if statement["Effect"] == "Deny"]
    assert [statement["Condition"] for statement in deny] == [{"Bool": {"aws:SecureTransport": "false"}}]
    # Whoever else is let in is a role of ours in an account that was named.
    for statement in policy:
        if statement["Effect"] == "Allow":
            assert statement["Principal"] == {"AWS": {"Ref": "DeployAccounts"}}
            assert "role/express-batch-*" in str(statement["Condition"])


def test_store_of_the_home_region_is_that_of_the_others() -> None:
    home, elsewhere = read_resources(PIPELINE), read_resources(ARTIFACT_STORE)

    for name in ("ArtifactBucket", "ArtifactBucketPolicy", "ArtifactKeyAlias"):
        assert home[name] == elsewhere[name]


def test_roles_are_handed_on_to_named_services_alone() -> None:
    passes = [statement for _, statement in list_statements(PIPELINE) if "iam:PassRole" in list_actions(statement)]

    assert len(passes) == 2
    assert all("iam:PassedToService" in str(statement["Condition"]) for statement in passes)


def test_update_can_neither_delete_nor_open_the_artifacts() -> None:
    actions = {
        action
        for name, statement in list_statements(PIPELINE)
        if name == "PipelineUpdateRole"
        for action in list_actions(statement)
    }

    assert not actions & {"s3:DeleteBucket", "s3:PutBucketPublicAccessBlock", "kms:ScheduleKeyDeletion"}


def test_failed_action_is_told_with_its_name_which_begins_with_the_groups() -> None:
    rule = _RESOURCES["ActionFailedRule"]["Properties"]
    (target,) = rule["Targets"]
    transformer = target["InputTransformer"]

    assert rule["EventPattern"]["detail"] == {"pipeline": [{"Ref": "Pipeline"}], "state": ["FAILED"]}
    assert transformer["InputPathsMap"]["action"] == "$.detail.action"
    assert transformer["InputTemplate"].startswith('"<action> failed in stage <stage>')
    assert target["Arn"] == {"Ref": "FailureTopic"}


@pytest.mark.parametrize("rule", ["ActionFailedRule", "StageFailedRule"])
def test_message_uses_what_is_taken_out_of_the_event_and_each_line_is_a_text(rule: str) -> None:
    transformer = _RESOURCES[rule]["Properties"]["Targets"][0]["InputTransformer"]
    used = set(re.findall(r"<([a-z]+)>", transformer["InputTemplate"]))

    assert used == set(transformer["InputPathsMap"])
    assert all(re.fullmatch(r'"[^"]+"', line) for line in transformer["InputTemplate"].strip().splitlines())


def test_topic_is_encrypted_and_only_the_rules_publish() -> None:
    key = _RESOURCES["ArtifactKey"]["Properties"]["KeyPolicy"]["Statement"]
    allow, deny = _RESOURCES["FailureTopicPolicy"]["Properties"]["PolicyDocument"]["Statement"]

    assert _RESOURCES["FailureTopic"]["Properties"]["KmsMasterKeyId"] == {"Fn::GetAtt": ["ArtifactKey", "Arn"]}
    assert any(statement["Principal"] == {"Service": "events.amazonaws.com"} for statement in key)
    assert allow["Condition"]["ArnEquals"]["aws:SourceArn"] == [
        {"Fn::GetAtt": [name, "Arn"]} for name in ("ActionFailedRule", "StageFailedRule")
    ]
    assert deny["Effect"] == "Deny"
