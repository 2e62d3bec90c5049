"""Each semantic rule finds what it is for, and leaves alone what is right."""

import json
from typing import Any

import pytest

from tests.template.asl_definitions import Definition
from tests.template.asl_rules import ERRORS_MODULE, check_definition, read_error_classes

_RETRIER: dict[str, Any] = {
    "ErrorEquals": ["StorageUnavailableError", "Lambda.TooManyRequestsException", "States.Timeout"],
    "MaxAttempts": 2,
    "MaxDelaySeconds": 10,
    "JitterStrategy": "FULL",
}
_TASK: dict[str, Any] = {
    "Type": "Task",
    "Resource": "arn:aws:states:::lambda:invoke",
    "TimeoutSeconds": "{% ${Seconds} + 5 %}",
    "Retry": [_RETRIER],
    "Output": {},
    "End": True,
}


def _machine(task: dict[str, Any] | None = None, mode: str = "INLINE", **map_keys: Any) -> dict[str, Any]:
    each = {"ProcessorConfig": {"Mode": mode}, "StartAt": "Call", "States": {"Call": task or _TASK}}
    states = {
        "Each": {
            "Type": "Map",
            "MaxConcurrency": "{% ${Limit} %}",
            "ItemProcessor": each,
            "Output": {},
            "End": True,
            **map_keys,
        }
    }
    return {"QueryLanguage": "JSONata", "StartAt": "Each", "TimeoutSeconds": 290, "States": states}


def _check(
    body: dict[str, Any] | str, *, is_express: bool = True, limit: float = 40, seconds: float = 240
) -> list[str]:
    definition = Definition(
        "Machine",
        body if isinstance(body, str) else json.dumps(body),
        is_express,
        frozenset({"Limit", "Seconds"}),
        {"Limit": limit, "Seconds": seconds},
    )
    leaves, bases = frozenset({"StorageUnavailableError"}), frozenset({"RetryableError"})
    return [str(finding) for finding in check_definition(definition, leaves, bases)]


def test_check_definition_finds_nothing_when_the_machine_is_right() -> None:
    assert _check(_machine()) == []


@pytest.mark.parametrize(
    ("machine", "finding"),
    [
        (_machine(mode="DISTRIBUTED"), "Machine/Each: distributed-map"),
        (_machine(MaxConcurrency=41), "Machine/Each: map-concurrency: MaxConcurrency may be 41"),
        (_machine(MaxConcurrency=0), "Machine/Each: map-concurrency: MaxConcurrency may be 0"),
        (_machine(MaxConcurrency="{% $limit %}"), "Machine/Each: map-concurrency: MaxConcurrency '{% $limit %}' is no"),
        (_machine(MaxConcurrency=None), "Machine/Each: map-concurrency: MaxConcurrency None is no number"),
        (_machine({**_TASK, "Resource": "arn:aws:states:::batch:submitJob.sync"}), "Machine/Each/Call: integration"),
        (_machine({**_TASK, "Resource": "arn:aws:states:::glue:start.sync:2"}), "Machine/Each/Call: integration"),
        (
            _machine({**_TASK, "Resource": "arn:aws:states:::sqs:send.waitForTaskToken"}),
            "Machine/Each/Call: integration",
        ),
        (_machine({**_TASK, "Resource": "arn:aws:states:us-east-1:1:activity:a"}), "Machine/Each/Call: integration"),
        (
            _machine({**_TASK, "TimeoutSeconds": "{% ${Seconds} + 61 %}"}),
            "Machine/Each/Call: timeout: TimeoutSeconds may",
        ),
        (
            _machine({**_TASK, "Retry": [{**_RETRIER, "JitterStrategy": "NONE"}]}),
            "Machine/Each/Call: retry: Retry[0] has no",
        ),
        (
            _machine({**_TASK, "Retry": [{**_RETRIER, "ErrorEquals": ["States.ALL"]}]}),
            "Machine/Each/Call: retry: Retry[0]",
        ),
        (
            _machine({**_TASK, "Retry": [{**_RETRIER, "ErrorEquals": ["StorageError"]}]}),
            "Machine/Each/Call: error-name",
        ),
        (
            _machine({**_TASK, "Retry": [{**_RETRIER, "ErrorEquals": ["RetryableError"]}]}),
            "Machine/Each/Call: error-name",
        ),
        (_machine({**_TASK, "Catch": [{"ErrorEquals": ["States.Sometimes"]}]}), "Machine/Each/Call: error-name"),
        (_machine({**_TASK, "Output": "{% $states.result %}"}), "Machine/Each/Call: payload-size"),
        (_machine({**_TASK, "Output": "{% $states.result.Payload %}"}), "Machine/Each/Call: payload-size"),
        (_machine({key: value for key, value in _TASK.items() if key != "Output"}), "Machine/Each/Call: payload-size"),
        ({**_machine(), "TimeoutSeconds": 301}, "Machine: timeout: TimeoutSeconds 301 is over the 300"),
        ({**_machine(), "Comment": "${Unknown}"}, "Machine: undefined-substitution: ${Unknown}"),
        (_machine(MaxConcurrency=8), "Machine: unused-substitution: Limit"),
        ('{"MaxConcurrency": ${Limit}}', "Machine: valid-json"),
    ],
)
def test_check_definition_names_place_and_rule_when_the_machine_breaks_it(
    machine: dict[str, Any] | str, finding: str
) -> None:
    assert any(found.startswith(finding) for found in _check(machine)), _check(machine)


@pytest.mark.parametrize("missing", ["MaxDelaySeconds", "MaxAttempts", "JitterStrategy"])
def test_check_definition_names_the_key_when_a_retrier_lacks_it(missing: str) -> None:
    retrier = {key: value for key, value in _RETRIER.items() if key != missing}

    findings = _check(_machine({**_TASK, "Retry": [retrier]}))

    assert len(findings) == 1
    assert missing in findings[0]


@pytest.mark.parametrize("level", ["task", "machine", "map"])
def test_check_definition_names_the_place_when_a_bound_is_missing(level: str) -> None:
    machine = _machine({key: value for key, value in _TASK.items() if level != "task" or key != "TimeoutSeconds"})
    if level == "machine":
        del machine["TimeoutSeconds"]
    if level == "map":
        del machine["States"]["Each"]["Output"]

    places = {"task": "Machine/Each/Call: timeout", "machine": "Machine: timeout", "map": "Machine/Each: payload-size"}
    assert any(finding.startswith(places[level]) for finding in _check(machine))


def test_check_definition_names_the_cap_when_the_parameter_allows_more() -> None:
    assert _check(_machine(), limit=64) == [
        "Machine/Each: map-concurrency: MaxConcurrency may be 64; an inline Map runs 40 at most"
    ]


def test_check_definition_allows_distributed_maps_when_the_machine_is_standard() -> None:
    machine = _machine(mode="DISTRIBUTED", MaxConcurrency="{% ${Limit} * 1000 %}")

    assert _check(machine, is_express=False) == []


def test_check_definition_accepts_a_broad_retry_when_the_comment_says_why() -> None:
    retrier = {**_RETRIER, "ErrorEquals": ["States.ALL"]}
    machine = _machine(
        {**_TASK, "Retry": [retrier], "Comment": "States.ALL: the call changes nothing, so any error may repeat."}
    )

    assert _check(machine) == []


def test_read_error_classes_tells_leaves_from_bases_when_classes_inherit() -> None:
    leaves, bases = read_error_classes(ERRORS_MODULE)

    assert "StorageUnavailableError" in leaves
    assert "RetryableError" in bases
    assert not leaves & bases
