"""The inline Map.

Source: https://docs.aws.amazon.com/step-functions/latest/dg/state-map-inline.html
"""

import asyncio
from typing import Any

import pytest

from tests.emulator.step_functions.doubles import (
    FakeLambda,
    FunctionError,
    create_machine,
    event_types,
    invoke,
    jsonata,
    jsonpath,
    make_service,
    run_machine,
    sleeping,
)
from tests.fakes.virtual_time import run_virtual


def map_of(processor: dict[str, Any], inner_name: str = "I", **fields: Any) -> dict[str, Any]:
    """A definition with one JSONata Map of one state."""
    inner = {"StartAt": inner_name, "States": {inner_name: processor}}
    state = {
        "Type": "Map",
        "ItemProcessor": {"ProcessorConfig": {"Mode": "INLINE"}, **inner},
        "End": True,
        **fields,
    }
    return jsonata("M", M=state)


def test_map_gives_outputs_in_the_order_of_the_items_when_they_end_in_another() -> None:
    async def slow_first(payload: int) -> int:
        await asyncio.sleep(10 - payload)
        return payload * 2

    execution = run_machine(map_of(invoke("f")), [1, 2, 3], functions={"f": slow_first})

    assert execution.output == [2, 4, 6]


def test_map_gives_an_empty_list_when_there_are_no_items() -> None:
    execution = run_machine(map_of(invoke("f"), Items="{% $states.input.none %}"), {"none": []})

    assert execution.output == []
    assert event_types(execution)[2:4] == ["MapStateStarted", "MapStateSucceeded"]


@pytest.mark.parametrize(
    ("concurrency", "expected"), [(7, 7), (0, 40), (1000, 40), ("{% $states.input.limit %}", 3), (None, 40)]
)
def test_map_runs_no_more_iterations_at_once_than_allowed(concurrency: Any, expected: int) -> None:
    # "In this mode, the Map state supports up to 40 concurrent iterations."
    functions = FakeLambda({"f": sleeping(1)})
    fields = {} if concurrency is None else {"MaxConcurrency": concurrency}

    run_machine(
        map_of(invoke("f"), Items="{% [1..100] %}", **fields, Output="{% null %}"), {"limit": 3}, functions=functions
    )

    assert functions.most_in_flight == expected
    assert len(functions.calls) == 100


def test_nested_maps_multiply_their_concurrency() -> None:
    functions = FakeLambda({"f": sleeping(1)})
    inner = map_of(invoke("f"), Items="{% [1..3] %}", MaxConcurrency=3)["States"]["M"]

    run_machine(map_of(inner, "Inner", Items="{% [1..10] %}", MaxConcurrency=4), functions=functions)

    assert functions.most_in_flight == 12


def test_map_stops_the_other_iterations_and_abandons_their_calls_when_one_fails() -> None:
    # GIVEN an iteration that fails after one second while others take a minute
    finished: list[int] = []

    async def function(payload: int) -> None:
        if payload == 2:
            await asyncio.sleep(1)
            raise FunctionError("Broken")
        await asyncio.sleep(60)
        finished.append(payload)

    async def scenario() -> tuple[Any, int, float]:
        functions = FakeLambda({"f": function})
        service = make_service(functions)
        definition = map_of(invoke("f"), Items="{% [1..10] %}", MaxConcurrency=4)
        execution = await (await service.start(await create_machine(service, definition))).wait()
        ended_at = asyncio.get_running_loop().time()
        # The calls that were in flight go on, as functions do on AWS.
        await asyncio.sleep(120)
        await service.close()
        return execution, len(functions.calls), ended_at

    # WHEN the machine runs
    execution, calls, ended_at = run_virtual(scenario())

    # THEN it fails at once, no further item was begun, and the functions in flight ran to their end
    assert (execution.status, execution.error, ended_at) == ("FAILED", "Broken", 1)
    assert calls == 4
    assert sorted(finished) == [1, 3, 4]
    types = event_types(execution)
    assert types.count("MapIterationFailed") == 1
    assert types.count("TaskStateAborted") == types.count("MapIterationAborted") == 3
    assert types[-2:] == ["MapStateFailed", "ExecutionFailed"]


def test_map_begins_no_further_item_when_one_fails_as_another_ends() -> None:
    async def function(payload: int) -> None:
        await asyncio.sleep(1)
        if payload == 1:
            raise FunctionError("Broken")

    functions = FakeLambda({"f": function})

    execution = run_machine(map_of(invoke("f"), MaxConcurrency=2), [1, 2, 3, 4], functions=functions)

    assert execution.error == "Broken"
    assert [call.payload for call in functions.calls] == [1, 2]


def test_map_runs_all_iterations_again_when_the_map_is_retried() -> None:
    attempts: list[int] = []

    def function(payload: int) -> int:
        attempts.append(payload)
        if len(attempts) == 2:
            raise FunctionError("Broken")
        return payload

    definition = map_of(invoke("f"), MaxConcurrency=1, Retry=[{"ErrorEquals": ["Broken"]}])

    execution = run_machine(definition, [1, 2], functions={"f": function})

    assert attempts == [1, 2, 1, 2]
    assert execution.output == [1, 2]
    assert event_types(execution).count("MapStateStarted") == 2
    assert "MapStateFailed" not in event_types(execution)  # AWS tells it once no retry is left


def test_item_selector_sees_input_index_and_value() -> None:
    selector = {
        "all": "{% $states.input.name %}",
        "index": "{% $states.context.Map.Item.Index %}",
        "value": "{% $states.context.Map.Item.Value %}",
        "fixed": 1,
    }
    definition = map_of({"Type": "Pass", "End": True}, Items="{% $states.input.items %}", ItemSelector=selector)

    execution = run_machine(definition, {"name": "n", "items": ["a", "b"]})

    assert execution.output == [
        {"all": "n", "index": 0, "value": "a", "fixed": 1},
        {"all": "n", "index": 1, "value": "b", "fixed": 1},
    ]


def test_iteration_sees_its_item_in_the_context_object() -> None:
    inner = {"Type": "Pass", "Output": "{% $states.context.Map.Item.Index & $states.input %}", "End": True}

    assert run_machine(map_of(inner), ["a", "b"]).output == ["0a", "1b"]


@pytest.mark.parametrize(
    ("items", "kind", "value"),
    [("{% 1 %}", "number", "1"), ("{% 'x' %}", "string", '"x"'), ("{% {'a': 1} %}", "object", '{"a":1}')],
)
def test_map_fails_by_name_when_items_is_no_array(items: str, kind: str, value: str) -> None:
    execution = run_machine(map_of({"Type": "Pass", "End": True}, Items=items))

    assert execution.error == "States.QueryEvaluationError"
    assert execution.cause == (
        "An error occurred while executing the state 'M' (entered at the event id #2). The JSONata expression "
        f"'{items[3:-3]}' specified for the field 'Items' returned an unexpected result type. Expected 'array', but "
        f"was '{kind}' for value: {value}"
    )


def test_map_fails_when_its_input_is_no_array_and_items_is_absent() -> None:
    execution = run_machine(map_of({"Type": "Pass", "End": True}), {"foo": "bar"})

    assert execution.cause == (
        "An error occurred while executing the state 'M' (entered at the event id #2). "
        'Map state input must be an array but was: {"foo":"bar"}'
    )


def test_map_takes_paths_and_the_deprecated_fields_when_it_is_jsonpath() -> None:
    state = {
        "Type": "Map",
        "ItemsPath": "$.items",
        "MaxConcurrencyPath": "$.limit",
        "Parameters": {"value.$": "$$.Map.Item.Value", "index.$": "$$.Map.Item.Index", "name.$": "$.name"},
        "Iterator": {"StartAt": "I", "States": {"I": {"Type": "Pass", "End": True}}},
        "ResultPath": "$.done",
        "End": True,
    }

    execution = run_machine(jsonpath("M", M=state), {"items": [5], "limit": 1, "name": "n"})

    assert execution.output["done"] == [{"value": 5, "index": 0, "name": "n"}]


def test_max_concurrency_path_takes_a_number_written_as_a_string() -> None:
    functions = FakeLambda({"f": sleeping(1)})
    state = map_of(invoke("f"))["States"]["M"] | {"MaxConcurrencyPath": "$.limit", "ItemsPath": "$.items"}
    definition = jsonpath("M", M=state)
    definition["States"]["M"]["ItemProcessor"]["States"]["I"]["QueryLanguage"] = "JSONata"

    run_machine(definition, {"limit": "2", "items": [1, 2, 3]}, functions=functions)

    assert functions.most_in_flight == 2


def test_map_fails_when_the_iterations_give_more_than_the_payload_limit() -> None:
    # Whatever iterations return counts against the Map's output.
    big = {"Type": "Pass", "Output": "{% $pad('', 10000, 'x') %}", "End": True}

    execution = run_machine(map_of(big, Items="{% [1..30] %}"))

    assert (execution.error, execution.status) == ("States.DataLimitExceeded", "FAILED")
    assert "'M'" in (execution.cause or "")


def test_map_fails_when_max_concurrency_is_no_number() -> None:
    execution = run_machine(map_of({"Type": "Pass", "End": True}, Items=[1], MaxConcurrency="{% 'many' %}"))

    assert execution.error == "States.QueryEvaluationError"
    assert "MaxConcurrency" in (execution.cause or "")
