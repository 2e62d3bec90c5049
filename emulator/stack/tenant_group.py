"""The parameters of a tenant group, from its file."""

from pathlib import Path
from typing import Any

import yaml

from emulator.stack.errors import ParameterError, UnknownTenantGroupError
from emulator.stack.parameters import to_parameter_text


def read_tenant_group(name: str, folder: Path) -> dict[str, str]:
    """Parameters in `<folder>/<name>.yaml`, under its key `parameters`; TenantGroup is the file's name.

    Raises UnknownTenantGroupError, which lists the groups there are, and ParameterError where the file has no such map.
    """
    path = folder / f"{name}.yaml"
    if name not in list_tenant_groups(folder):
        known = ", ".join(list_tenant_groups(folder)) or "none"
        raise UnknownTenantGroupError(f"tenant group {name!r} is unknown: {path} does not exist; known groups: {known}")
    content: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    parameters = content.get("parameters") if isinstance(content, dict) else None
    if not isinstance(parameters, dict):
        raise ParameterError([f"{path} has no map `parameters:` of parameter names and values"])
    values = {str(key): to_parameter_text(value) for key, value in parameters.items()}
    if values.setdefault("TenantGroup", name) != name:
        raise ParameterError([f"{path}: TenantGroup is {values['TenantGroup']!r}, but the file's name says {name!r}"])
    return values


def list_tenant_groups(folder: Path) -> list[str]:
    """Names of the tenant groups that have a file, sorted."""
    return sorted(path.stem for path in folder.glob("*.yaml"))
