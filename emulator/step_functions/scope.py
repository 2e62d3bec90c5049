"""What the fields of one state can see."""

from collections.abc import Mapping
from typing import Any

NO_VARIABLES: Mapping[str, Any] = {}


class Scope:
    """Input, context object and variables of one visit to a state; the same for both query languages.

    `bindings` are the variables of a JSONata expression, `$states` among them.
    """

    __slots__ = ("bindings", "context", "input", "states", "variables")

    def __init__(self, state_input: Any, context: Mapping[str, Any], variables: Mapping[str, Any]) -> None:
        self.input = state_input
        self.context = context
        self.variables = variables
        self.states: dict[str, Any] = {"input": state_input, "context": context}
        self.bindings: dict[str, Any] = {**variables, "states": self.states}

    def with_input(self, state_input: Any) -> "Scope":
        """The same scope with another input, as after InputPath or for a result."""
        return Scope(state_input, self.context, self.variables)
