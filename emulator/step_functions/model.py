"""A state machine as the interpreter runs it: parsed, validated, its expressions compiled."""

from dataclasses import dataclass, field
from typing import Any, Literal

from emulator.step_functions.choice_rules import Rule
from emulator.step_functions.jsonpath import JsonPath, ReferencePath
from emulator.step_functions.resources import Resource
from emulator.step_functions.retry import Retrier
from emulator.step_functions.templates import Evaluate, Template

QueryLanguage = Literal["JSONata", "JSONPath"]


@dataclass(slots=True)
class State:
    """What every state has. `next` is None for a terminal state.

    `input_path` and the like are None where the definition says null (the data are dropped); `output_path` applies to
    JSONPath states, `output` to JSONata states.
    """

    name: str
    query_language: QueryLanguage
    next: str | None = None
    uses_context: bool = True
    assign: Template | None = None
    output: Template | None = None
    input_path: JsonPath | None = None
    output_path: JsonPath | None = None
    parameters: Template | None = None  # Parameters or Arguments
    result_selector: Template | None = None
    result_path: ReferencePath | None = None

    @property
    def is_jsonata(self) -> bool:
        """Whether the state's query language is JSONata."""
        return self.query_language == "JSONata"


@dataclass(slots=True)
class Catcher:
    """One entry of Catch."""

    error_equals: tuple[str, ...]
    next: str
    output: Template | None = None
    assign: Template | None = None
    result_path: ReferencePath | None = None


@dataclass(slots=True)
class GuardedState(State):
    """A state that may have Retry and Catch."""

    retriers: tuple[Retrier, ...] = ()
    catchers: tuple[Catcher, ...] = ()


@dataclass(slots=True)
class TaskState(GuardedState):
    """Calls a function or an API."""

    resource: Resource = field(kw_only=True)
    timeout_seconds: Evaluate | None = None
    heartbeat_seconds: Evaluate | None = None


@dataclass(slots=True)
class PassState(State):
    """Passes its input, or a fixed result, on."""

    result: Any = None
    has_result: bool = False


@dataclass(slots=True)
class ChoiceBranch:
    """One entry of Choices: exactly one of `condition` (JSONata) and `rule` (JSONPath) is set."""

    next: str
    condition: Evaluate | None = None
    rule: Rule | None = None
    assign: Template | None = None
    output: Template | None = None


@dataclass(slots=True)
class ChoiceState(State):
    """Goes to the first branch whose condition holds."""

    branches: tuple[ChoiceBranch, ...] = ()
    default: str | None = None


@dataclass(slots=True)
class WaitState(State):
    """Waits for some seconds or until a time; exactly one of the two is set."""

    seconds: Evaluate | None = None
    timestamp: Evaluate | None = None
    timestamp_field: str = "Timestamp"


@dataclass(slots=True)
class SucceedState(State):
    """Ends its branch."""


@dataclass(slots=True)
class FailState(State):
    """Fails its branch with an error name and a cause."""

    error: Evaluate | None = None
    cause: Evaluate | None = None


@dataclass(slots=True)
class Branch:
    """A set of states with its start: the machine itself, a branch of Parallel, the processor of Map."""

    start_at: str
    states: dict[str, State]


@dataclass(slots=True)
class ParallelState(GuardedState):
    """Runs its branches at the same time."""

    branches: tuple[Branch, ...] = ()


@dataclass(slots=True)
class MapState(GuardedState):
    """Runs its processor once for each item (inline mode)."""

    processor: Branch = field(kw_only=True)
    items: Evaluate | None = None
    item_selector: Template | None = None
    max_concurrency: Evaluate | None = None


@dataclass(slots=True)
class Machine:
    """A whole definition."""

    branch: Branch
    timeout_seconds: int | None = None
