"""What is wrong with a definition, in the form in which AWS says it."""

from collections.abc import Iterable
from dataclasses import dataclass

SCHEMA_VALIDATION_FAILED = "SCHEMA_VALIDATION_FAILED"
MISSING_TRANSITION_TARGET = "MISSING_TRANSITION_TARGET"
INVALID_JSON_DESCRIPTION = "INVALID_JSON_DESCRIPTION"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding; `location` is a path such as /States/SyncUsers/Resource."""

    code: str
    message: str
    location: str

    def __str__(self) -> str:
        return f"{self.code}: {self.message} at {self.location}"


class DefinitionError(Exception):
    """A finding that ends the reading of the state it is in."""

    def __init__(self, message: str, location: str, code: str = SCHEMA_VALIDATION_FAILED) -> None:
        super().__init__(message)
        self.diagnostic = Diagnostic(code, message, location)


class InvalidDefinitionError(Exception):
    """A definition with at least one finding."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__(", ".join(map(str, self.diagnostics)))
