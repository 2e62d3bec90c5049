"""All tenant groups of a project, or every problem of every file at once."""

from collections.abc import Sequence

from batchctl.groups.checks import check_group, check_unique, check_waves
from batchctl.groups.errors import GroupProblemsError
from batchctl.groups.group import TenantGroup
from batchctl.groups.group_file import read_group, read_schema
from batchctl.groups.partner_limits import check_partner_limits
from batchctl.groups.project import Project
from emulator.stack.template_file import read_template


def read_groups(project: Project) -> list[TenantGroup]:
    """The groups sorted by name. Raises GroupProblemsError with all that `batchctl groups check` refuses."""
    groups, problems = find_problems(project)
    if problems:
        raise GroupProblemsError(problems)
    return groups


def find_problems(project: Project, candidate: TenantGroup | None = None) -> tuple[list[TenantGroup], list[str]]:
    """The groups whose files can be read, and every problem as `<file>: <where>: <what>`.

    `candidate` is a group that has no file yet.
    """
    schema = read_schema(project.schema)
    groups: list[TenantGroup] = []
    problems = [
        f"{project.show(path)}: a tenant group's file ends with .yaml: rename it"
        for path in sorted(project.groups.glob("*.yml"))
    ]
    for path in sorted(project.groups.glob("*.yaml")):
        group, refused = read_group(path, schema)
        problems += [f"{project.show(path)}: {problem}" for problem in refused]
        groups += [group] if group else []
    if candidate is not None:
        groups = sorted([*groups, candidate], key=lambda group: group.name)
    if not groups and not problems:
        problems.append(f"{project.show(project.groups)}: has no group: `batchctl groups add` writes the first")
    waves = [] if problems else check_waves(groups)  # a file that cannot be read may be the canary's
    return groups, [
        *problems,
        *_check_groups(project, groups),
        *(f"{project.show(project.groups)}: {problem}" for problem in waves),
    ]


def _check_groups(project: Project, groups: Sequence[TenantGroup]) -> list[str]:
    template = read_template(project.template)
    defaults = {name: str(item["Default"]) for name, item in template["Parameters"].items() if "Default" in item}
    found = [
        *((group.name, problem) for group in groups for problem in check_group(group, template)),
        *check_unique(groups),
        *check_partner_limits(groups, defaults),
    ]
    return [f"{project.show(project.groups)}/{name}.yaml: {problem}" for name, problem in found]
