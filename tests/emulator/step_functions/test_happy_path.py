"""The batch's shape end to end: list, a Map of chunks, a Map of slices, a failure record, a decision."""

import json
from typing import Any

from tests.emulator.step_functions.doubles import (
    FakeLambda,
    FakeSdk,
    FunctionError,
    event_types,
    invoke,
    jsonata,
    run_machine,
)

USER_BATCH = jsonata(
    "ListUsers",
    ListUsers=invoke("list_users", Assign={"run_id": "{% $states.input.run_id %}"}, Next="ProcessChunks"),
    ProcessChunks={
        "Type": "Map",
        "Items": "{% $states.input.chunks %}",
        "MaxConcurrency": "{% $states.input.chunk_concurrency %}",
        "Output": "{% null %}",
        "Next": "CloseRun",
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "INLINE"},
            "StartAt": "ProcessSlices",
            "States": {
                "ProcessSlices": {
                    "Type": "Map",
                    "Items": "{% [[0..$ceil($states.input.users / 10) - 1].{'start': $ * 10}] %}",
                    "ItemSelector": {
                        "key": "{% $states.input.key %}",
                        "start": "{% $states.context.Map.Item.Value.start %}",
                    },
                    "MaxConcurrency": 40,
                    "Output": "{% null %}",
                    "End": True,
                    "ItemProcessor": {
                        "StartAt": "SyncUsers",
                        "States": {
                            "SyncUsers": invoke(
                                "sync_users",
                                {"run_id": "{% $run_id %}", "slice": "{% $states.input %}"},
                                TimeoutSeconds=30,
                                Output="{% null %}",
                                Retry=[{"ErrorEquals": ["ThrottledError"], "MaxAttempts": 2, "JitterStrategy": "FULL"}],
                                Catch=[
                                    {
                                        "ErrorEquals": ["States.ALL"],
                                        "Output": {
                                            "error": "{% $states.errorOutput.Error %}",
                                            "slice": "{% $states.input %}",
                                        },
                                        "Next": "RecordSliceFailure",
                                    }
                                ],
                            ),
                            "RecordSliceFailure": {
                                "Type": "Task",
                                "Resource": "arn:aws:states:::aws-sdk:s3:putObject",
                                "Arguments": {
                                    "Bucket": "runs",
                                    "Key": "{% 'runs/' & $run_id & '/failures/' & $states.input.slice.start %}",
                                    "Body": "{% $states.input %}",
                                },
                                "Output": "{% null %}",
                                "End": True,
                            },
                        },
                    },
                }
            },
        },
    },
    CloseRun=invoke("close_run", {"run_id": "{% $run_id %}"}, Next="IsComplete"),
    IsComplete={
        "Type": "Choice",
        "Choices": [{"Condition": "{% $states.input.status in ['COMPLETE', 'PARTIAL'] %}", "Next": "Closed"}],
        "Default": "Incomplete",
    },
    Closed={"Type": "Succeed"},
    Incomplete={"Type": "Fail", "Error": "RunIncomplete", "Cause": "{% 'run ' & $run_id %}"},
)


def test_user_batch_succeeds_and_records_the_failed_slice_when_one_slice_fails() -> None:
    # GIVEN three chunks of 25 users, a throttled slice and a slice that never works
    throttled: list[Any] = []

    def sync_users(payload: Any) -> None:
        if payload["slice"] == {"key": "c1", "start": 10}:
            raise FunctionError("PoisonousSliceError")
        if payload["slice"] == {"key": "c2", "start": 0} and len(throttled) < 2:
            throttled.append(payload)
            raise FunctionError("ThrottledError")

    chunks = [{"key": f"c{index}", "users": 25} for index in range(3)]
    functions = FakeLambda(
        {
            "list_users": lambda _payload: {"chunks": chunks, "chunk_concurrency": 2},
            "sync_users": sync_users,
            "close_run": lambda _payload: {"status": "PARTIAL"},
        }
    )
    sdk = FakeSdk({("s3", "PutObject"): lambda _request: {"ETag": '"e"'}})

    # WHEN the machine runs
    execution = run_machine(USER_BATCH, {"run_id": "r1"}, functions=functions, sdk=sdk)

    # THEN the run ends well, nine slices were tried, the throttled one again, and one failure was written
    assert (execution.status, execution.output) == ("SUCCEEDED", {"status": "PARTIAL"})
    slices = [call.payload for call in functions.calls if call.function == "sync_users"]
    assert len(slices) == 9 + 2
    assert {call["run_id"] for call in slices} == {"r1"}
    ((service, operation, request),) = sdk.calls
    assert (service, operation, request["Key"]) == ("s3", "PutObject", "runs/r1/failures/10")
    assert json.loads(request["Body"]) == {"error": "PoisonousSliceError", "slice": {"key": "c1", "start": 10}}
    assert event_types(execution).count("MapIterationSucceeded") == 3 + 9


def test_user_batch_fails_by_name_when_the_run_is_incomplete() -> None:
    # GIVEN a run with no chunks that cannot be closed
    functions = FakeLambda(
        {
            "list_users": lambda _payload: {"chunks": [], "chunk_concurrency": 0},
            "close_run": lambda _payload: {"status": "INCOMPLETE"},
        }
    )

    # WHEN the machine runs
    execution = run_machine(USER_BATCH, {"run_id": "r1"}, functions=functions)

    # THEN it fails with the Fail state's error and its computed cause
    assert (execution.status, execution.error, execution.cause) == ("FAILED", "RunIncomplete", "run r1")
