"""The API operations on state machines, their versions and aliases.

Sources: https://docs.aws.amazon.com/step-functions/latest/apireference/API_CreateStateMachine.html and its neighbours
https://docs.aws.amazon.com/step-functions/latest/dg/concepts-cd-aliasing-versioning.html
"""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from emulator.errors import AwsError
from emulator.step_functions import StepFunctionsService
from tests.emulator.step_functions.doubles import ROLE_ARN, create_machine, jsonata, make_service
from tests.fakes.virtual_time import run_virtual


def passing(output: Any) -> dict[str, Any]:
    """A machine that gives a fixed output."""
    return jsonata("A", A={"Type": "Pass", "Output": output, "End": True})


def request_for(machine: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A CreateStateMachine request."""
    return {"name": "Machine", "definition": json.dumps(machine), "roleArn": ROLE_ARN} | fields


def run(scenario: Callable[[StepFunctionsService], Awaitable[Any]]) -> Any:
    """What `scenario` gives for a new service."""

    async def main() -> Any:
        service = make_service()
        try:
            return await scenario(service)
        finally:
            await service.close()

    return run_virtual(main())


async def code_of(call: Awaitable[Any]) -> str:
    """The code of the error that a call raises."""
    with pytest.raises(AwsError) as caught:
        await call
    return caught.value.code


def test_state_machine_is_created_and_described() -> None:
    async def scenario(service: StepFunctionsService) -> Any:
        created = await service.call(
            "CreateStateMachine",
            request_for(passing(1), type="EXPRESS", tracingConfiguration={"enabled": True}, tags=[]),
        )
        described = await service.call("DescribeStateMachine", {"stateMachineArn": created["stateMachineArn"]})
        return created, described

    created, described = run(scenario)

    assert created["stateMachineArn"] == "arn:aws:states:us-east-1:123456789012:stateMachine:Machine"
    assert described == {
        "stateMachineArn": created["stateMachineArn"],
        "name": "Machine",
        "status": "ACTIVE",
        "definition": json.dumps(passing(1)),
        "roleArn": ROLE_ARN,
        "type": "EXPRESS",
        "creationDate": created["creationDate"],
        "loggingConfiguration": {"level": "OFF", "includeExecutionData": False},
        "tracingConfiguration": {"enabled": True},
    }


def test_creation_is_idempotent_when_only_the_role_differs_and_refused_otherwise() -> None:
    # "CreateStateMachine is an idempotent API. ... If a following request has a different roleArn or tags, Step
    # Functions will ignore these differences and treat it as an idempotent request of the previous."
    async def scenario(service: StepFunctionsService) -> Any:
        first = await service.call("CreateStateMachine", request_for(passing(1)))
        again = await service.call("CreateStateMachine", request_for(passing(1), roleArn=f"{ROLE_ARN}2"))
        return first == again, await code_of(service.call("CreateStateMachine", request_for(passing(2))))

    assert run(scenario) == (True, "StateMachineAlreadyExists")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"name": "a b"}, "InvalidName"),
        ({"name": ""}, "ValidationException"),
        ({"roleArn": 7}, "ValidationException"),
        ({"colour": "red"}, "ValidationException"),
        ({"roleArn": "role"}, "InvalidArn"),
        ({"definition": "{}"}, "InvalidDefinition"),
        ({"type": "FAST"}, "ValidationException"),
        ({"versionDescription": "one"}, "ValidationException"),
        ({"encryptionConfiguration": {"type": "CUSTOMER_MANAGED_KMS_KEY"}}, "InvalidEncryptionConfiguration"),
    ],
)
def test_creation_is_refused_by_name_when_a_field_is_bad(fields: dict[str, Any], code: str) -> None:
    async def scenario(service: StepFunctionsService) -> str:
        return await code_of(service.call("CreateStateMachine", request_for(passing(1), **fields)))

    assert run(scenario) == code


def test_invalid_definition_is_told_in_awss_words() -> None:
    async def scenario(service: StepFunctionsService) -> str:
        with pytest.raises(AwsError) as caught:
            await service.call("CreateStateMachine", request_for({"StartAt": "A"}))
        return caught.value.message

    assert run(scenario) == (
        "Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: These fields are required: [States] at /'"
    )


def test_update_gives_a_new_revision_and_keeps_what_it_does_not_name() -> None:
    async def scenario(service: StepFunctionsService) -> Any:
        arn = await create_machine(service, passing(1))
        updated = await service.call(
            "UpdateStateMachine", {"stateMachineArn": arn, "definition": json.dumps(passing(2))}
        )
        return updated, await service.call("DescribeStateMachine", {"stateMachineArn": arn})

    updated, described = run(scenario)

    assert updated["revisionId"] == described["revisionId"]
    assert json.loads(described["definition"]) == passing(2)
    assert described["roleArn"] == ROLE_ARN


def test_update_is_refused_when_nothing_is_to_be_changed_or_the_definition_is_bad() -> None:
    async def scenario(service: StepFunctionsService) -> Any:
        arn = await create_machine(service, passing(1))
        return [
            await code_of(service.call("UpdateStateMachine", {"stateMachineArn": arn})),
            await code_of(service.call("UpdateStateMachine", {"stateMachineArn": arn, "definition": "{}"})),
            await code_of(service.call("UpdateStateMachine", {"stateMachineArn": f"{arn}X", "definition": "{}"})),
        ]

    assert run(scenario) == ["MissingRequiredParameter", "InvalidDefinition", "StateMachineDoesNotExist"]


def test_deleted_machine_is_deleting_until_its_executions_have_ended() -> None:
    async def scenario(service: StepFunctionsService) -> Any:
        arn = await create_machine(service, jsonata("W", W={"Type": "Wait", "Seconds": 60, "End": True}))
        execution = await service.start(arn)
        await service.call("DeleteStateMachine", {"stateMachineArn": arn})
        status = (await service.call("DescribeStateMachine", {"stateMachineArn": arn}))["status"]
        start = await code_of(service.call("StartExecution", {"stateMachineArn": arn}))
        ended = (await execution.wait()).status
        await asyncio.sleep(0)
        gone = await code_of(service.call("DescribeStateMachine", {"stateMachineArn": arn}))
        again = await service.call("DeleteStateMachine", {"stateMachineArn": arn})
        return status, start, ended, gone, again

    assert run(scenario) == ("DELETING", "StateMachineDeleting", "SUCCEEDED", "StateMachineDoesNotExist", {})


def test_machines_are_listed_in_pages() -> None:
    async def scenario(service: StepFunctionsService) -> Any:
        for name in ("b", "a", "c"):
            await create_machine(service, passing(1), name=name)
        first = await service.call("ListStateMachines", {"maxResults": 2})
        second = await service.call("ListStateMachines", {"nextToken": first["nextToken"]})
        bad = await code_of(service.call("ListStateMachines", {"nextToken": "x"}))
        many = await code_of(service.call("ListStateMachines", {"maxResults": 1001}))
        return [[each["name"] for each in page["stateMachines"]] for page in (first, second)], bad, many

    assert run(scenario) == ([["a", "b"], ["c"]], "InvalidToken", "ValidationException")


def test_validation_gives_diagnostics_instead_of_an_error() -> None:
    async def scenario(service: StepFunctionsService) -> Any:
        good = await service.call("ValidateStateMachineDefinition", {"definition": json.dumps(passing(1))})
        bad = await service.call("ValidateStateMachineDefinition", {"definition": "{}", "type": "EXPRESS"})
        return good, bad

    good, bad = run(scenario)

    assert good == {"result": "OK", "diagnostics": [], "truncated": False}
    assert bad["result"] == "FAIL"
    assert bad["diagnostics"] == [
        {
            "severity": "ERROR",
            "code": "SCHEMA_VALIDATION_FAILED",
            "message": "These fields are required: [States, StartAt]",
            "location": "/",
        }
    ]


def test_tags_are_added_listed_and_removed() -> None:
    async def scenario(service: StepFunctionsService) -> Any:
        arn = await create_machine(service, passing(1), tags=[{"key": "a", "value": "1"}])
        await service.call("TagResource", {"resourceArn": arn, "tags": [{"key": "b", "value": "2"}]})
        await service.call("UntagResource", {"resourceArn": arn, "tagKeys": ["a"]})
        missing = await code_of(service.call("ListTagsForResource", {"resourceArn": f"{arn}X"}))
        return (await service.call("ListTagsForResource", {"resourceArn": arn}))["tags"], missing

    assert run(scenario) == ([{"key": "b", "value": "2"}], "ResourceNotFound")


async def publish(service: StepFunctionsService, arn: str, output: Any) -> str:
    """The ARN of a version that gives `output`."""
    await service.call("UpdateStateMachine", {"stateMachineArn": arn, "definition": json.dumps(passing(output))})
    answer = await service.call("PublishStateMachineVersion", {"stateMachineArn": arn, "description": str(output)})
    return str(answer["stateMachineVersionArn"])


def test_version_keeps_its_definition_when_the_machine_goes_on() -> None:
    async def scenario(service: StepFunctionsService) -> Any:
        arn = await create_machine(service, passing(0))
        first, second = await publish(service, arn, 1), await publish(service, arn, 2)
        await service.call("UpdateStateMachine", {"stateMachineArn": arn, "definition": json.dumps(passing(3))})
        outputs = [(await (await service.start(each)).wait()).output for each in (first, second, arn)]
        listed = await service.call("ListStateMachineVersions", {"stateMachineArn": arn})
        described = await service.call("DescribeStateMachine", {"stateMachineArn": first})
        return arn, outputs, [each["stateMachineVersionArn"] for each in listed["stateMachineVersions"]], described

    arn, outputs, versions, described = run(scenario)

    assert outputs == [1, 2, 3]
    assert versions == [f"{arn}:2", f"{arn}:1"]
    assert (described["stateMachineArn"], described["description"]) == (f"{arn}:1", "1")


def test_publishing_is_idempotent_and_refused_for_a_revision_that_is_not_the_latest() -> None:
    async def scenario(service: StepFunctionsService) -> Any:
        arn = await create_machine(service, passing(0))
        first = await service.call("PublishStateMachineVersion", {"stateMachineArn": arn})
        again = await service.call("PublishStateMachineVersion", {"stateMachineArn": arn})
        await publish(service, arn, 1)
        stale = service.call("PublishStateMachineVersion", {"stateMachineArn": arn, "revisionId": "old"})
        return first == again, await code_of(stale)

    assert run(scenario) == (True, "ConflictException")


def test_number_of_a_deleted_version_is_not_used_again() -> None:
    async def scenario(service: StepFunctionsService) -> str:
        arn = await create_machine(service, passing(0))
        version = await publish(service, arn, 1)
        await service.call("DeleteStateMachineVersion", {"stateMachineVersionArn": version})
        return (await publish(service, arn, 2)).removeprefix(arn)

    assert run(scenario) == ":2"


def test_alias_routes_starts_by_weight() -> None:
    async def scenario(service: StepFunctionsService) -> Any:
        arn = await create_machine(service, passing(0))
        first, second = await publish(service, arn, 1), await publish(service, arn, 2)
        routing = [
            {"stateMachineVersionArn": first, "weight": 80},
            {"stateMachineVersionArn": second, "weight": 20},
        ]
        created = await service.call("CreateStateMachineAlias", {"name": "live", "routingConfiguration": routing})
        alias = created["stateMachineAliasArn"]
        outputs = [(await (await service.start(alias)).wait()).output for _ in range(200)]
        await service.call(
            "UpdateStateMachineAlias",
            {
                "stateMachineAliasArn": alias,
                "routingConfiguration": [{"stateMachineVersionArn": second, "weight": 100}],
            },
        )
        after = {(await (await service.start(alias)).wait()).output for _ in range(20)}
        described = await service.call("DescribeStateMachineAlias", {"stateMachineAliasArn": alias})
        return Counter(outputs), after, described["routingConfiguration"], second

    outputs, after, routing, second = run(scenario)

    assert 140 <= outputs[1] <= 180
    assert outputs[1] + outputs[2] == 200
    assert after == {2}
    assert routing == [{"stateMachineVersionArn": second, "weight": 100}]


def test_execution_tells_the_version_and_alias_it_was_started_by() -> None:
    async def scenario(service: StepFunctionsService) -> Any:
        arn = await create_machine(service, passing(0), kind="STANDARD")
        version = await publish(service, arn, 1)
        routing = [{"stateMachineVersionArn": version, "weight": 100}]
        await service.call("CreateStateMachineAlias", {"name": "live", "routingConfiguration": routing})
        execution = await service.start(f"{arn}:live")
        await execution.wait()
        described = await service.call("DescribeExecution", {"executionArn": execution.arn})
        listed = await service.call("ListExecutions", {"stateMachineArn": version})
        return arn, described, len(listed["executions"])

    arn, described, listed = run(scenario)

    assert described["stateMachineVersionArn"] == f"{arn}:1"
    assert described["stateMachineAliasArn"] == f"{arn}:live"
    assert listed == 1


@pytest.mark.parametrize(
    ("name", "weights", "code"),
    [
        ("123", [100], "ValidationException"),
        ("a b", [100], "ValidationException"),
        ("live", [50], "ValidationException"),
        ("live", [50, 60], "ValidationException"),
        ("live", [], "ValidationException"),
    ],
)
def test_alias_is_refused_when_name_or_weights_are_bad(name: str, weights: list[int], code: str) -> None:
    async def scenario(service: StepFunctionsService) -> str:
        arn = await create_machine(service, passing(0))
        versions = [await publish(service, arn, number) for number in range(1, 1 + len(weights))]
        routing = [
            {"stateMachineVersionArn": version, "weight": weight}
            for version, weight in zip(versions, weights, strict=True)
        ]
        return await code_of(service.call("CreateStateMachineAlias", {"name": name, "routingConfiguration": routing}))

    assert run(scenario) == code


def test_version_is_not_deleted_while_an_alias_points_at_it() -> None:
    async def scenario(service: StepFunctionsService) -> Any:
        arn = await create_machine(service, passing(0))
        version = await publish(service, arn, 1)
        routing = [{"stateMachineVersionArn": version, "weight": 100}]
        await service.call("CreateStateMachineAlias", {"name": "live", "routingConfiguration": routing})
        delete = {"stateMachineVersionArn": version}
        held = await code_of(service.call("DeleteStateMachineVersion", delete))
        await service.call("DeleteStateMachineAlias", {"stateMachineAliasArn": f"{arn}:live"})
        listed = await service.call("ListStateMachineAliases", {"stateMachineArn": arn})
        return held, listed["stateMachineAliases"], await service.call("DeleteStateMachineVersion", delete)

    assert run(scenario) == ("ConflictException", [], {})
