"""What the fixture `load` is: a way to make a plan of a small template."""

from typing import Any, Protocol

from emulator.stack import StackPlan


class Loader(Protocol):
    """load(template as a map or YAML text, **parameters) gives the plan."""

    def __call__(
        self, template: dict[str, Any] | str, imports: dict[str, str] | None = None, **parameters: Any
    ) -> StackPlan:
        """The plan of the template in a folder of the test's own."""
