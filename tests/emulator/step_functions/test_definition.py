"""What is refused when a state machine is created, and in which words.

The messages are those that AWS gives (SCHEMA_VALIDATION_FAILED, MISSING_TRANSITION_TARGET) with the location; what AWS
has and this emulator lacks is refused as "not implemented by this emulator: ...".
Source: https://docs.aws.amazon.com/step-functions/latest/apireference/API_ValidateStateMachineDefinition.html
"""

import json
from typing import Any

import pytest

from emulator.step_functions.definition import parse_definition
from emulator.step_functions.diagnostics import InvalidDefinitionError
from tests.emulator.step_functions.doubles import jsonata, jsonpath

PASS = {"Type": "Pass", "End": True}
LAMBDA = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": True}


def findings(definition: Any, kind: str = "EXPRESS") -> list[str]:
    """What is wrong with a definition."""
    text = definition if isinstance(definition, str) else json.dumps(definition)
    try:
        parse_definition(text, kind)
    except InvalidDefinitionError as error:
        return [str(each) for each in error.diagnostics]
    return []


def task(resource: str, **fields: Any) -> dict[str, Any]:
    """A machine of one Task."""
    return jsonata("A", A={"Type": "Task", "Resource": resource, "End": True, **fields})


def map_state(**fields: Any) -> dict[str, Any]:
    """A machine of one Map."""
    processor = {"StartAt": "I", "States": {"I": PASS}}
    return jsonata("M", M={"Type": "Map", "ItemProcessor": processor, "End": True, **fields})


SCHEMA = "SCHEMA_VALIDATION_FAILED: "
TARGET = "MISSING_TRANSITION_TARGET: "


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        ("{}", SCHEMA + "These fields are required: [States, StartAt] at /"),
        ({"StartAt": "A"}, SCHEMA + "These fields are required: [States] at /"),
        ("[]", SCHEMA + "Definition must be a valid JSON object at /"),
        (
            {**jsonata("A", A=PASS), "Retry": []},
            SCHEMA + "The field 'Retry' is not supported by Step Functions at /Retry",
        ),
        (
            jsonata("A", A={"Type": "Foo"}),
            SCHEMA + "The field 'Type' should have one of these values: [Task, Wait, Pass, Succeed, Fail, Choice, "
            "Parallel, Map] at /States/A/Type",
        ),
        (
            jsonata("A", A={**PASS, "Retyr": []}),
            SCHEMA + "The field 'Retyr' is not supported by Step Functions at /States/A/Retyr",
        ),
        (
            jsonata("A", A={**PASS, "InputPath": "$"}),
            SCHEMA + "The field 'InputPath' is not supported by Step Functions at /States/A/InputPath",
        ),
        (
            jsonpath("A", A={**PASS, "Output": 1}),
            SCHEMA + "The field 'Output' is not supported by Step Functions at /States/A/Output",
        ),
        (
            jsonata("A", A={**PASS, "QueryLanguage": "JSONPath"}),
            SCHEMA + "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine at /States/A",
        ),
        (jsonata("Z", A=PASS), TARGET + "Missing 'StartAt' target: Z at /StartAt"),
        (jsonata("A", A={"Type": "Pass", "Next": "Z"}), TARGET + "Missing 'Next' target: Z at /States/A/Next"),
        (
            jsonata("A", A={**LAMBDA, "Catch": [{"ErrorEquals": ["X"], "Next": "Z"}]}),
            TARGET + "Missing 'Next' target: Z at /States/A/Catch[0]/Next",
        ),
        (
            jsonata("A", A={"Type": "Choice", "Choices": [{"Condition": True, "Next": "B"}], "Default": "Z"}, B=PASS),
            TARGET + "Missing 'Default' target: Z at /States/A/Default",
        ),
        (jsonata("A", A=PASS, B=PASS), TARGET + 'State "B" is not reachable. at /States/B'),
        (
            jsonata("A", A={"Type": "Pass", "Next": "B"}, B={"Type": "Pass", "Next": "A"}),
            SCHEMA + "Missing terminal state: no state has 'End', and none is of type Succeed or Fail at /States",
        ),
        (
            jsonata("A", A={"Type": "Pass"}),
            SCHEMA + "Exactly one of these fields is required: [Next, End] at /States/A",
        ),
        (
            jsonata("A", A={"Type": "Parallel", "Branches": [], "End": True}),
            SCHEMA + "Value cannot be empty at /States/A/Branches",
        ),
        (
            jsonata("W", W={"Type": "Wait", "Timestamp": "tomorrow", "End": True}),
            SCHEMA + "String does not match RFC3339 timestamp at /States/W/Timestamp",
        ),
        (
            jsonpath("A", A={**PASS, "Parameters": {"x.$": "States.Nope()"}}),
            SCHEMA
            + "The value for the field 'x.$' must be a valid JSONPath or a valid intrinsic function call: unknown "
            "intrinsic function in 'States.Nope()' at /States/A/Parameters",
        ),
        (
            jsonata("A", A={**PASS, "Output": "{% $states.result %}"}),
            SCHEMA + "'$states.result' is not accessible in this field at /States/A/Output",
        ),
        (
            jsonata("A", A={**LAMBDA, "Arguments": {"Payload": "{% $states.errorOutput %}"}}),
            SCHEMA + "'$states.errorOutput' is not accessible in this field at /States/A/Arguments/Payload",
        ),
        (
            jsonata("A", A={**LAMBDA, "Retry": [{"ErrorEquals": ["States.ALL", "X"]}]}),
            SCHEMA + "'States.ALL' must appear alone and in the last entry at /States/A/Retry[0]/ErrorEquals",
        ),
        (
            jsonata("A", A={**LAMBDA, "Retry": [{"ErrorEquals": ["X"], "JitterStrategy": "SOME"}]}),
            SCHEMA + "The field 'JitterStrategy' should have one of these values: [FULL, NONE] at /States/A/Retry[0]",
        ),
        (
            jsonata("A", A={**LAMBDA, "Retry": [{"ErrorEquals": ["X"], "MaxAttempts": -1}]}),
            SCHEMA
            + "The field 'MaxAttempts' must be an integer between 0 and 99999999 at /States/A/Retry[0]/MaxAttempts",
        ),
        (
            jsonata("A", A={**LAMBDA, "TimeoutSeconds": 5, "HeartbeatSeconds": 5}),
            SCHEMA + "'HeartbeatSeconds' must be smaller than 'TimeoutSeconds' at /States/A/HeartbeatSeconds",
        ),
        (
            jsonata("A", A={**LAMBDA, "TimeoutSeconds": 0}),
            SCHEMA + "The field 'TimeoutSeconds' must be an integer between 1 and 99999999 at /States/A/TimeoutSeconds",
        ),
    ],
)
def test_definition_is_refused_in_awss_words(definition: Any, expected: str) -> None:
    assert findings(definition) == [expected]


@pytest.mark.parametrize(
    ("definition", "kind", "expected"),
    [
        (
            task("arn:aws:states:::sqs:sendMessage.waitForTaskToken"),
            "EXPRESS",
            "Express state machine does not support '.waitForTaskToken' service integration at /States/A/Resource",
        ),
        (
            task("arn:aws:states:::states:startExecution.sync:2"),
            "EXPRESS",
            "Express state machine does not support '.sync' service integration at /States/A/Resource",
        ),
        (
            task("arn:aws:states:us-east-1:123456789012:activity:work"),
            "EXPRESS",
            "Express state machine does not support Activity ARN at /States/A/Resource",
        ),
        (
            task("arn:aws:states:::sqs:sendMessage.sync:2"),
            "STANDARD",
            "not implemented by this emulator: the '.sync' service integration pattern at /States/A/Resource",
        ),
        (
            task("arn:aws:states:::sqs:sendMessage.waitForTaskToken"),
            "STANDARD",
            "not implemented by this emulator: the '.waitForTaskToken' service integration pattern "
            "at /States/A/Resource",
        ),
        (
            task("arn:aws:states:us-east-1:123456789012:activity:work"),
            "STANDARD",
            "not implemented by this emulator: activities at /States/A/Resource",
        ),
        (
            task("arn:aws:states:::glue:startJobRun"),
            "EXPRESS",
            "not implemented by this emulator: the integration 'glue:startJobRun' at /States/A/Resource",
        ),
        (
            task("arn:aws:states:::lambda:invoke", Arguments={"FunctionName": "f", "InvocationType": "Event"}),
            "EXPRESS",
            "not implemented by this emulator: lambda:invoke with InvocationType 'Event' at /States/A",
        ),
        (
            task("arn:aws:states:::lambda:invoke", Credentials={"RoleArn": "x"}),
            "EXPRESS",
            "not implemented by this emulator: 'Credentials', cross-account access at /States/A/Credentials",
        ),
        (
            map_state(ToleratedFailureCount=1),
            "STANDARD",
            "not implemented by this emulator: 'ToleratedFailureCount', a field of the Distributed Map "
            "at /States/M/ToleratedFailureCount",
        ),
        (
            map_state(
                ItemProcessor={
                    "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"},
                    "StartAt": "I",
                    "States": {"I": PASS},
                }
            ),
            "STANDARD",
            "not implemented by this emulator: the Distributed Map (Mode DISTRIBUTED) "
            "at /States/M/ItemProcessor/ProcessorConfig/Mode",
        ),
    ],
)
def test_definition_is_refused_by_name_when_a_feature_is_missing(
    definition: dict[str, Any], kind: str, expected: str
) -> None:
    assert findings(definition, kind) == [SCHEMA + expected]


def test_distributed_map_is_refused_as_aws_does_when_the_machine_is_express() -> None:
    # "Distributed mode is supported in Standard workflows but not supported in Express workflows."
    # Source: https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html
    processor = {"ProcessorConfig": {"Mode": "DISTRIBUTED"}, "StartAt": "I", "States": {"I": PASS}}

    (finding,) = findings(map_state(ItemProcessor=processor), "EXPRESS")

    assert finding == (
        SCHEMA + "Express state machine does not support Map state in Distributed mode "
        "at /States/M/ItemProcessor/ProcessorConfig/Mode"
    )


@pytest.mark.parametrize(
    "resource",
    [
        "arn:aws:states:::dynamodb:query",
        "arn:aws:states:::aws-sdk:s3:putObjekt",
        "arn:aws:states:::aws-sdk:s3:PutObject",
        "arn:aws:states:::aws-sdk:s33:putObject",
        "arn:aws:states:::lambda:invokeAsync",
        "arn:aws:states:::sqs:sendMessage.sometimes",
        "arn:aws:lambda:us-east-1:1:function:short-account",
        "nonsense",
    ],
)
def test_resource_is_refused_by_name_when_aws_has_no_such_thing(resource: str) -> None:
    (finding,) = findings(task(resource))

    assert finding.startswith(f"{SCHEMA}The resource provided {resource} is not recognized.")
    assert finding.endswith("at /States/A/Resource")


@pytest.mark.parametrize(
    "resource",
    [
        "arn:aws:lambda:us-east-1:123456789012:function:f",
        "arn:aws:lambda:us-east-1:123456789012:function:f:live",
        "arn:aws:lambda:us-east-1:123456789012:function:f:$LATEST",
        "arn:aws:states:::lambda:invoke",
        "arn:aws:states:::dynamodb:putItem",
        "arn:aws:states:::events:putEvents",
        "arn:aws:states:::sns:publish",
        "arn:aws:states:::sqs:sendMessage",
        "arn:aws:states:::states:startExecution",
        "arn:aws:states:::aws-sdk:cloudwatchlogs:putLogEvents",
        "arn:aws:states:::aws-sdk:dynamodb:query",
        "arn:aws:states:::aws-sdk:rds:describeDbInstances",
        "arn:aws:states:::aws-sdk:sfn:startSyncExecution",
    ],
)
def test_resource_is_taken_when_aws_has_it(resource: str) -> None:
    assert findings(task(resource)) == []


def test_every_finding_is_told_at_once_when_there_are_several() -> None:
    definition = jsonata("A", A={"Type": "Foo"}, B={**PASS, "Foo": 1})

    assert len(findings(definition)) == 2


def test_json_that_does_not_parse_is_refused_with_its_position() -> None:
    assert findings('{"StartAt": }') == ["INVALID_JSON_DESCRIPTION: Expecting value: line 1 column 13 at /"]


def test_state_names_are_unique_over_the_whole_machine() -> None:
    # "each state's name must be unique within the scope of the entire state machine"
    # Source: https://docs.aws.amazon.com/step-functions/latest/dg/workflow-states.html
    definition = map_state(ItemProcessor={"StartAt": "M", "States": {"M": PASS}})

    assert findings(definition) == [f"{SCHEMA}Duplicate state name: 'M' at /States/M/ItemProcessor/States/M"]


def test_expression_that_does_not_parse_is_refused_with_its_field() -> None:
    (finding,) = findings(jsonata("A", A={**PASS, "Output": {"a": ["{% 1 + %}"]}}))

    assert finding.startswith(f"{SCHEMA}The JSONata expression '{{% 1 + %}}' is not valid:")
    assert finding.endswith("at /States/A/Output/a[0]")


def test_errors_inside_a_branch_are_located_there() -> None:
    definition = map_state(ItemProcessor={"StartAt": "I", "States": {"I": {**LAMBDA, "Nope": 1}}})

    (finding,) = findings(definition)

    assert finding.endswith("at /States/M/ItemProcessor/States/I/Nope")
