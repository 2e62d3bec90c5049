"""State machines of a SAM template as the rules look at them: definition, substitutions and their greatest values."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emulator.stack.template_file import read_template

SUBSTITUTION = re.compile(r"\$\{([A-Za-z0-9_.-]+)\}")


@dataclass(frozen=True)
class Definition:
    """One state machine of the template."""

    logical_id: str
    text: str
    is_express: bool
    substitutions: frozenset[str]
    greatest: dict[str, float] = field(default_factory=dict)
    """The MaxValue of the parameter behind a substitution, where it has one."""

    @property
    def body(self) -> dict[str, Any]:
        """The definition, which has to be JSON as it stands in the repository."""
        body: dict[str, Any] = json.loads(self.text)
        return body


@dataclass(frozen=True)
class State:
    """A state with the place that it has in its machine."""

    path: str
    name: str
    body: dict[str, Any]
    is_in_map: bool


def read_definitions(template_path: Path) -> list[Definition]:
    """Every AWS::Serverless::StateMachine of the template whose definition is a file."""
    template = read_template(template_path)
    parameters = template.get("Parameters", {})
    definitions = []
    for logical_id, resource in template["Resources"].items():
        if resource["Type"] != "AWS::Serverless::StateMachine":
            continue
        properties = resource["Properties"]
        substitutions = properties.get("DefinitionSubstitutions", {})
        definitions.append(
            Definition(
                logical_id,
                (template_path.parent / properties["DefinitionUri"]).read_text(encoding="utf-8"),
                properties.get("Type", "STANDARD") == "EXPRESS",
                frozenset(substitutions),
                {
                    name: float(parameters[value["Ref"]]["MaxValue"])
                    for name, value in substitutions.items()
                    if isinstance(value, dict) and "MaxValue" in parameters.get(str(value.get("Ref")), {})
                },
            )
        )
    return definitions


def list_states(definition: dict[str, Any], path: str = "", *, is_in_map: bool = False) -> Iterator[State]:
    """Every state, those of Map and Parallel states included, in the order of the file."""
    for name, body in definition.get("States", {}).items():
        place = f"{path}{name}"
        yield State(place, name, body, is_in_map)
        for key in ("ItemProcessor", "Iterator"):
            if key in body:
                yield from list_states(body[key], f"{place}/", is_in_map=True)
        for index, branch in enumerate(body.get("Branches", [])):
            yield from list_states(branch, f"{place}[{index}]/", is_in_map=is_in_map)
