"""One thread of control of an execution: the machine's own, a branch of Parallel, an iteration of Map."""

from collections.abc import Mapping
from typing import Any

from emulator.step_functions.tracing import Span


class Lane:
    """Where the lane is in the history, the variables it sees, and the Map item it works on.

    Where the execution is traced, `parent_span` is what its states are a part of and `span` its present state.
    """

    __slots__ = ("map_item", "parent_span", "previous", "span", "variables")

    def __init__(
        self,
        previous: int,
        variables: Mapping[str, Any],
        map_item: Mapping[str, Any] | None = None,
        parent_span: Span | None = None,
    ) -> None:
        self.parent_span = parent_span
        self.span: Span | None = None
        self.previous = previous
        self.variables = variables
        self.map_item = map_item

    def assign(self, values: Mapping[str, Any]) -> None:
        """Sets variables for the states that follow; lanes that started earlier keep what they saw."""
        self.variables = {**self.variables, **values}
