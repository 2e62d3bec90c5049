"""Checks that a branch's transitions lead somewhere, that every state is reached, and that an end is."""

from collections.abc import Iterator

from emulator.step_functions.diagnostics import MISSING_TRANSITION_TARGET, SCHEMA_VALIDATION_FAILED, Diagnostic
from emulator.step_functions.model import Branch, ChoiceState, FailState, GuardedState, State, SucceedState


def check_transitions(branch: Branch, location: str) -> list[Diagnostic]:
    """What is wrong with the transitions of one branch; the branches inside its states are checked on their own."""
    findings: list[Diagnostic] = []
    if branch.start_at not in branch.states:
        findings.append(_missing("StartAt", branch.start_at, f"{location}/StartAt"))
    targets_of: dict[str, list[str]] = {}
    for name, state in branch.states.items():
        targets_of[name] = []
        for field, target in _targets(state):
            targets_of[name].append(target)
            if target not in branch.states:
                findings.append(_missing(field.split("/")[-1], target, f"{location}/States/{name}/{field}"))
    if findings:
        return findings
    reached = _reach(branch.start_at, targets_of)
    for name in branch.states:
        if name not in reached:
            message = f'State "{name}" is not reachable.'
            findings.append(Diagnostic(MISSING_TRANSITION_TARGET, message, f"{location}/States/{name}"))
    if not any(_is_terminal(state) for state in branch.states.values()):
        message = "Missing terminal state: no state has 'End', and none is of type Succeed or Fail"
        findings.append(Diagnostic(SCHEMA_VALIDATION_FAILED, message, f"{location}/States"))
    return findings


def _missing(field: str, target: str, location: str) -> Diagnostic:
    return Diagnostic(MISSING_TRANSITION_TARGET, f"Missing '{field}' target: {target}", location)


def _targets(state: State) -> Iterator[tuple[str, str]]:
    if state.next is not None:
        yield "Next", state.next
    if isinstance(state, ChoiceState):
        for index, choice in enumerate(state.branches):
            yield f"Choices[{index}]/Next", choice.next
        if state.default is not None:
            yield "Default", state.default
    if isinstance(state, GuardedState):
        for index, catcher in enumerate(state.catchers):
            yield f"Catch[{index}]/Next", catcher.next


def _reach(start: str, targets_of: dict[str, list[str]]) -> set[str]:
    reached: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting.extend(targets_of[name])
    return reached


def _is_terminal(state: State) -> bool:
    return isinstance(state, SucceedState | FailState) or (state.next is None and not isinstance(state, ChoiceState))
