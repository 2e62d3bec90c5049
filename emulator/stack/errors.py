"""What can be wrong with a stack, each said before anything is created wherever that is possible.

StackError
|- TemplateError            the template: an intrinsic that is not implemented, a name that does not exist, a cycle
|- ParameterError           parameters: unknown, missing, outside their rule, or refused by the template's Rules
|- UnknownTenantGroupError  no file for the tenant group
|- ArtifactError            code or layer that is not there or cannot be built
|- CreateError              a service refused a resource; what was made before is removed again
`- DeleteError              a service refused to remove a resource
"""

from dataclasses import dataclass


class StackError(Exception):
    """Something about a stack that its owner has to change."""


class TemplateError(StackError):
    """The template asks for something that does not exist or is not emulated."""


class ParameterError(StackError):
    """Parameters that the template refuses; `problems` has one line for each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class UnknownTenantGroupError(StackError):
    """No tenant group of that name has a file."""


class ArtifactError(StackError):
    """The code of a function or layer cannot be had."""


@dataclass(frozen=True)
class FailedResource:
    """The resource that a service refused, and why."""

    logical_id: str
    resource_type: str
    reason: str


class CreateError(StackError):
    """A resource could not be created; `cause` says which, where it was one of the template's."""

    def __init__(self, message: str, cause: FailedResource | None = None) -> None:
        super().__init__(message)
        self.cause = cause


class DeleteError(StackError):
    """Resources that could not be removed."""
