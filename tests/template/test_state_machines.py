"""The state machines of the project keep the grammar, the semantic rules and the names."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from emulator.stack.template_file import read_template
from tests.template.asl_definitions import Definition, list_states, read_definitions
from tests.template.asl_grammar import find_grammar_problems
from tests.template.asl_rules import ERRORS_MODULE, check_definition, read_error_classes
from tests.template.project_template import ROOT, TEMPLATE

_DEFINITIONS = read_definitions(TEMPLATE)
_BY_NAME = pytest.mark.parametrize("definition", _DEFINITIONS, ids=[item.logical_id for item in _DEFINITIONS])
_DEPLOYER = read_definitions(ROOT / "pipeline" / "group-deployer.yaml")
_EVERY = pytest.mark.parametrize("definition", [*_DEFINITIONS, *_DEPLOYER], ids=lambda item: item.logical_id)


def _lambda_targets(definition: Definition) -> Iterator[tuple[str, str]]:
    """Name of the state and of the substitution that is its function."""
    for state in list_states(definition.body):
        function = state.body.get("Arguments", {}).get("FunctionName") if state.body.get("Type") == "Task" else None
        if function is not None:
            yield state.name, str(function).removeprefix("${").removesuffix("}")


def _resource(logical_id: str) -> dict[str, Any]:
    resource: dict[str, Any] = read_template(TEMPLATE)["Resources"][logical_id]["Properties"]
    return resource


def test_template_has_state_machines_when_it_is_looked_at() -> None:
    # Without this the parametrised tests below could pass by being empty.
    assert "UserBatch" in {definition.logical_id for definition in _DEFINITIONS}
    assert [definition.logical_id for definition in _DEPLOYER] == ["DeployGroup"]


@_EVERY
def test_definition_breaks_no_semantic_rule_when_checked(definition: Definition) -> None:
    assert check_definition(definition, *read_error_classes(ERRORS_MODULE)) == []


@_EVERY
def test_definition_keeps_the_grammar_when_statelint_reads_it(definition: Definition) -> None:
    assert find_grammar_problems(definition.body) == []


def test_find_grammar_problems_keeps_what_is_wrong_when_a_state_leads_nowhere() -> None:
    # The exceptions for what AWS takes must not swallow a real finding.
    body = _DEFINITIONS[0].body
    first = body["StartAt"]
    body["States"][first]["Next"] = "Nowhere"

    assert any("Nowhere" in problem for problem in find_grammar_problems(body))


@pytest.mark.parametrize(
    "definition", [item for item in _DEFINITIONS if list(_lambda_targets(item))], ids=lambda item: item.logical_id
)
def test_definition_calls_each_function_from_the_state_of_its_name_when_it_invokes_one(definition: Definition) -> None:
    targets = list(_lambda_targets(definition))

    assert targets
    others = {(name, function) for name, function in targets if function != f"{name}FunctionArn"}
    # The probe is a few calls of SyncUsers, with its role, its connections and its version.
    assert others <= {("ProbePartner", "SyncUsersFunctionArn")}


@_BY_NAME
def test_definition_starts_a_state_machine_by_its_alias(definition: Definition) -> None:
    started = [
        state.body["Arguments"]["StateMachineArn"]
        for state in list_states(definition.body)
        if "sfn:start" in str(state.body.get("Resource", ""))
    ]
    substitutions = _resource(definition.logical_id)["DefinitionSubstitutions"]

    assert [substitutions[name.strip("${}")] for name in started] == [{"Ref": "UserBatchAliaslive"}] * len(started)


@_BY_NAME
def test_role_may_invoke_just_the_functions_that_the_definition_calls(definition: Definition) -> None:
    statements = _resource(f"{definition.logical_id}Role")["Policies"][0]["PolicyDocument"]["Statement"]
    invoke = [statement for statement in statements if statement["Action"] == "lambda:InvokeFunction"]

    allowed = [resource["Ref"].removesuffix(".Alias") for statement in invoke for resource in statement["Resource"]]

    called = {function.removesuffix("Arn") for _, function in _lambda_targets(definition)}
    assert sorted(allowed) == sorted(called)


def test_each_function_has_the_folder_and_the_name_of_its_noun_when_the_template_is_read() -> None:
    functions = {
        logical_id: resource["Properties"]
        for logical_id, resource in read_template(TEMPLATE)["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }

    for logical_id, properties in functions.items():
        noun = logical_id.removesuffix("Function")
        folder = re.sub(r"(?<!^)([A-Z])", r"_\1", noun).lower()
        assert properties["CodeUri"] == f"functions/{folder}/"
        assert (ROOT / "functions" / folder / "app.py").is_file()
        assert properties["FunctionName"] == {"Fn::Sub": f"${{AWS::StackName}}-{noun}"}
        assert properties["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"] == folder
        # The job is in a layer: without this a new layer would reach no alias.
        assert properties.get("AutoPublishAliasAllProperties", False) is ({"Ref": "JobLayer"} in properties["Layers"])
        assert properties["LoggingConfig"]["LogGroup"] == {"Ref": f"{noun}LogGroup"}
    assert set(functions) >= {"ListUsersFunction", "SyncUsersFunction", "WriteRowsFunction", "CloseRunFunction"}
