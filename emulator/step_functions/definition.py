"""Reads and validates a whole definition."""

import json
from typing import Any

from emulator.step_functions.diagnostics import (
    INVALID_JSON_DESCRIPTION,
    SCHEMA_VALIDATION_FAILED,
    DefinitionError,
    Diagnostic,
    InvalidDefinitionError,
)
from emulator.step_functions.field_reader import FieldReader
from emulator.step_functions.model import Branch, Machine, QueryLanguage, State
from emulator.step_functions.state_fields import BRANCH_FIELDS, MACHINE_FIELDS
from emulator.step_functions.state_reader import StateReader
from emulator.step_functions.transitions import check_transitions
from emulator.step_functions.variable_scopes import check_scopes

# Source: https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html (maximum definition size)
_MAX_DEFINITION_BYTES = 1_048_576
_MAX_NAME_LENGTH = 80


def parse_definition(text: str, machine_type: str) -> Machine:
    """The machine that `text` defines; raises InvalidDefinitionError with every finding.

    `machine_type` is STANDARD or EXPRESS: what a state may do depends on it.
    """
    if len(text.encode()) > _MAX_DEFINITION_BYTES:
        raise _invalid(SCHEMA_VALIDATION_FAILED, f"Definition is longer than {_MAX_DEFINITION_BYTES} bytes")
    try:
        source = json.loads(text)
    except json.JSONDecodeError as error:
        raise _invalid(INVALID_JSON_DESCRIPTION, f"{error.msg}: line {error.lineno} column {error.colno}") from error
    if not isinstance(source, dict):
        raise _invalid(SCHEMA_VALIDATION_FAILED, "Definition must be a valid JSON object")
    reader = _DefinitionReader(machine_type)
    machine = reader.read(source)
    if reader.diagnostics:
        raise InvalidDefinitionError(reader.diagnostics)
    findings = check_scopes(machine.branch)
    if findings:
        raise InvalidDefinitionError(findings)
    return machine


def _invalid(code: str, message: str) -> InvalidDefinitionError:
    return InvalidDefinitionError([Diagnostic(code, message, "/")])


class _DefinitionReader:
    def __init__(self, machine_type: str) -> None:
        self.diagnostics: list[Diagnostic] = []
        self._names: set[str] = set()
        self._states = StateReader(machine_type, self._read_branch)

    def read(self, source: dict[str, Any]) -> Machine:
        language: QueryLanguage = "JSONPath"
        timeout = None
        try:
            reader = FieldReader(source, "", "JSONPath")
            given = source.get("QueryLanguage", "JSONPath")
            if given not in ("JSONPath", "JSONata"):
                raise reader.problem("The field 'QueryLanguage' should have one of these values: [JSONPath, JSONata]")
            language = given
            if source.get("Version", "1.0") != "1.0":
                raise reader.problem("The field 'Version' must be '1.0'", "Version")
            if "TimeoutSeconds" in source:
                timeout = reader.integer("TimeoutSeconds", 0, least=1)
        except DefinitionError as problem:
            self.diagnostics.append(problem.diagnostic)
        branch = self._read_branch(source, "", MACHINE_FIELDS, language)
        return Machine(branch, timeout)

    def _read_branch(self, source: Any, location: str, fields: frozenset[str], language: QueryLanguage) -> Branch:
        """A branch, empty where it cannot be read; findings are collected, so that all are told at once."""
        try:
            if not isinstance(source, dict):
                raise DefinitionError("The value must be an object", location or "/")
            reader = FieldReader(source, location, language)
            reader.refuse_unknown(fields or BRANCH_FIELDS, {})
            missing = [name for name in ("States", "StartAt") if name not in source]
            if missing:
                raise DefinitionError(f"These fields are required: [{', '.join(missing)}]", location or "/")
            language = source.get("QueryLanguage", language)
            if not isinstance(source["States"], dict) or not source["States"]:
                raise reader.problem("The field 'States' must be an object that is not empty", "States")
            start_at = reader.required_text("StartAt")
        except DefinitionError as problem:
            self.diagnostics.append(problem.diagnostic)
            return Branch("", {})
        branch = Branch(start_at, self._read_states(source["States"], location, language))
        complete = len(branch.states) == len(source["States"])
        if complete:  # a state that could not be read would be reported a second time as missing
            self.diagnostics.extend(check_transitions(branch, location))
        return branch

    def _read_states(self, sources: dict[str, Any], location: str, language: QueryLanguage) -> dict[str, State]:
        states: dict[str, State] = {}
        for name, source in sources.items():
            where = f"{location}/States/{name}"
            try:
                if len(name) > _MAX_NAME_LENGTH or not name:
                    raise DefinitionError(f"A state's name has 1 to {_MAX_NAME_LENGTH} characters", where)
                if name in self._names:
                    raise DefinitionError(f"Duplicate state name: '{name}'", where)
                self._names.add(name)
                if not isinstance(source, dict):
                    raise DefinitionError("The value must be an object", where)
                states[name] = self._states.read(name, source, where, language)
            except DefinitionError as problem:
                self.diagnostics.append(problem.diagnostic)
        return states
