"""The errors' tree, and that the state machine repeats what may succeed and nothing else."""

import inspect
import json
import re
from pathlib import Path
from typing import Any

import pytest
from express_batch import errors
from express_batch.errors import BatchError, PartnerApiError, PermanentError, RetryableError

ROOT = Path(__file__).resolve().parents[2]
CLASSES = {
    name: value
    for name, value in vars(errors).items()
    if inspect.isclass(value) and issubclass(value, BatchError) and value.__module__ == errors.__name__
}
# What may leave each function that the state machine calls, as the docstrings of their logic say.
RETRYABLE_OF = {
    "ListUsers": {"DatabaseUnavailableError", "StorageUnavailableError"},
    "SyncUsers": {"LimitUnavailableError", "StorageUnavailableError", "StreamUnavailableError"},
    "CloseRun": {"DatabaseUnavailableError", "StorageUnavailableError"},
}
MODULE_OF = {"ListUsers": "list_users", "SyncUsers": "sync_users", "CloseRun": "close_run"}


def read_tree() -> dict[str, str | None]:
    """{class: its parent} as the module's docstring draws it."""
    parents: dict[str, str | None] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        match = re.match(r"^((?:│   |    |├── |└── )*)(\w+Error)(?:\s{2,}|$)", line)
        if match:
            depth = len(match[1]) // 4
            path[depth:] = [match[2]]
            parents[match[2]] = path[depth - 1] if depth else None
    return parents


def test_docstring_draws_exactly_the_classes_and_their_parents() -> None:
    drawn = read_tree()

    assert set(drawn) == set(CLASSES)
    for name, parent in drawn.items():
        if parent is not None:
            assert CLASSES[name].__bases__ == (CLASSES[parent],), name
    assert {name for name, parent in drawn.items() if parent is None} == {"BatchError", "PartnerApiError"}


def test_only_what_a_repeat_may_mend_is_retryable() -> None:
    retryable = {name for name, kind in CLASSES.items() if issubclass(kind, PartnerApiError) and kind.retryable}

    assert retryable == {"ApiThrottledError", "ApiServerError", "ApiTimeoutError", "ApiUnreachableError"}
    assert not any(issubclass(kind, RetryableError) and issubclass(kind, PermanentError) for kind in CLASSES.values())


def find_tasks(states: dict[str, Any]) -> dict[str, dict[str, Any]]:
    tasks = {}
    for name, state in states.items():
        if state["Type"] == "Task":
            tasks[name] = state
        if "ItemProcessor" in state:
            tasks.update(find_tasks(state["ItemProcessor"]["States"]))
    return tasks


TASKS = find_tasks(json.loads((ROOT / "statemachines/user_batch.asl.json").read_text())["States"])


def retried(task: str) -> set[str]:
    return {name for retrier in TASKS[task]["Retry"] for name in retrier["ErrorEquals"]}


@pytest.mark.parametrize("task", RETRYABLE_OF)
def test_state_repeats_exactly_the_retryable_errors_that_may_leave_its_function(task: str) -> None:
    """A state matches the class's own name and none of its bases.

    Source: https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
    """
    own = {name for name in retried(task) if name in CLASSES}

    assert own == RETRYABLE_OF[task]


@pytest.mark.parametrize("task", RETRYABLE_OF)
def test_retryable_errors_of_a_function_are_those_that_its_logic_says_it_raises(task: str) -> None:
    source = (ROOT / "layers/batch/express_batch" / f"{MODULE_OF[task]}.py").read_text()
    said = {name for text in re.findall(r"Raises ([^\"]+)", source) for name in re.findall(r"\w+Error", text)}

    assert {name for name in said if issubclass(CLASSES[name], RetryableError)} == RETRYABLE_OF[task]


@pytest.mark.parametrize("task", sorted(TASKS))
def test_state_never_repeats_a_permanent_error_nor_all_errors(task: str) -> None:
    """States.TaskFailed and States.ALL would match every error of a function, the permanent ones too."""
    permanent = {name for name, kind in CLASSES.items() if issubclass(kind, (PermanentError, PartnerApiError))}

    assert not retried(task) & permanent
    assert "States.ALL" not in retried(task)
    if "lambda" in TASKS[task]["Resource"]:
        assert "States.TaskFailed" not in retried(task)


@pytest.mark.parametrize("task", sorted(TASKS))
def test_state_names_no_error_of_ours_that_does_not_exist(task: str) -> None:
    """A name that no class bears never matches, and nobody would see it."""
    ours = {name for name in retried(task) if "." not in name}

    assert ours <= set(CLASSES)
