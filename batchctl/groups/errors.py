"""What is wrong with the tenant groups.

GroupsError
|- GroupProblemsError  files that `batchctl groups check` refuses, one line for each problem
`- RenderError         the base template or samconfig.toml does not have what render needs
"""

from collections.abc import Sequence

from batchctl.errors import BatchctlError


class GroupsError(BatchctlError):
    """Something about the tenant groups that their owner has to change."""


class GroupProblemsError(GroupsError):
    """Every problem of every file, one line each: `problems`."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = list(problems)


class RenderError(GroupsError):
    """What is rendered into does not fit."""
