"""The functions of template.yaml by the name of their folder."""

from pathlib import Path

from batchctl.errors import UsageError
from emulator.stack.template_file import read_template

# Belongs to a deployment and not to a run, so a local stack has it only where it is asked for.
MIGRATE_SCHEMA = "migrate_schema"


def list_functions(template: Path) -> dict[str, str]:
    """{folder under functions/: logical id}, in the template's order."""
    resources = read_template(template)["Resources"]
    return {
        Path(resource["Properties"]["CodeUri"]).name: logical_id
        for logical_id, resource in resources.items()
        if resource.get("Type") == "AWS::Serverless::Function"
        and isinstance(resource.get("Properties", {}).get("CodeUri"), str)
    }


def find_function(name: str, template: Path) -> tuple[str, str]:
    """(folder, logical id) of a function named either way. Raises UsageError that lists the known ones."""
    known = list_functions(template)
    for folder, logical_id in known.items():
        if name in (folder, logical_id):
            return folder, logical_id
    raise UsageError(f"function {name!r} is unknown: {template.name} has {', '.join(known)}")
