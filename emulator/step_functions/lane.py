"""One thread of control of an execution: the machine's own, a branch of Parallel, an iteration of Map."""

from collections.abc import Mapping
from typing import Any


class Lane:
    """Where the lane is in the history, the variables it sees, and the Map item it works on."""

    __slots__ = ("map_item", "previous", "variables")

    def __init__(self, previous: int, variables: Mapping[str, Any], map_item: Mapping[str, Any] | None = None) -> None:
        self.previous = previous
        self.variables = variables
        self.map_item = map_item

    def assign(self, values: Mapping[str, Any]) -> None:
        """Sets variables for the states that follow; lanes that started earlier keep what they saw."""
        self.variables = {**self.variables, **values}
