"""Checks that no variable is assigned both in a branch and in a branch inside it."""

from collections.abc import Iterator

from emulator.step_functions.diagnostics import SCHEMA_VALIDATION_FAILED, Diagnostic
from emulator.step_functions.model import Branch, ChoiceState, GuardedState, MapState, ParallelState, State
from emulator.step_functions.templates import Template


def check_scopes(branch: Branch) -> list[Diagnostic]:
    """A finding for each variable that an inner scope assigns although an outer one does.

    "If the top-level scope assigns a value to a variable called myVariable, then no other scope (inside a Map,
    Parallel) can assign to myVariable as well."
    Source: https://docs.aws.amazon.com/step-functions/latest/dg/workflow-variables.html (Variable scope)
    """
    return list(_check(branch, frozenset(), ""))


def _check(branch: Branch, outer: frozenset[str], location: str) -> Iterator[Diagnostic]:
    own: set[str] = set()
    for name, state in branch.states.items():
        assigned = set(_assigned(state))
        own |= assigned
        for variable in sorted(assigned & outer):
            yield Diagnostic(
                SCHEMA_VALIDATION_FAILED,
                f"The variable '{variable}' is assigned in an outer scope and cannot be assigned here",
                f"{location}/States/{name}/Assign",
            )
    for name, state in branch.states.items():
        for inner in _inner_branches(state):
            yield from _check(inner, outer | own, f"{location}/States/{name}")


def _assigned(state: State) -> Iterator[str]:
    templates: list[Template | None] = [state.assign]
    if isinstance(state, GuardedState):
        templates += [catcher.assign for catcher in state.catchers]
    if isinstance(state, ChoiceState):
        templates += [choice.assign for choice in state.branches]
    for template in templates:
        if template is not None:
            yield from (name if state.is_jsonata else name.removesuffix(".$") for name in template.source)


def _inner_branches(state: State) -> tuple[Branch, ...]:
    if isinstance(state, MapState):
        return (state.processor,)
    return state.branches if isinstance(state, ParallelState) else ()
