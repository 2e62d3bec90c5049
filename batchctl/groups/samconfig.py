"""The environments of samconfig.toml, so that `sam deploy --config-env <group>` deploys a group by hand."""

import json
import tomllib
from collections.abc import Sequence

from batchctl.groups.errors import RenderError
from batchctl.groups.group import TenantGroup

BEGIN = "# BEGIN tenant groups: written by `batchctl groups render`, which overwrites changes made here"
END = "# END tenant groups"


def render_samconfig(groups: Sequence[TenantGroup], current: str) -> str:
    """The file with an environment for each group between the markers; what stands outside of them is kept."""
    before, after = _split(current)
    try:
        taken = set(tomllib.loads(before)) | set(tomllib.loads(after))
    except tomllib.TOMLDecodeError as error:
        raise RenderError(f"samconfig.toml outside of the markers is no TOML: {error}") from error
    clashes = sorted(taken & {group.name for group in groups})
    if clashes:
        raise RenderError(
            f"samconfig.toml has an environment {clashes[0]} of its own, which is a tenant group's name too: rename one"
        )
    environments = "\n".join(_render_environment(group) for group in sorted(groups, key=lambda group: group.name))
    return f"{before.rstrip()}\n\n{BEGIN}\n{environments}{END}\n{after}"


def _split(current: str) -> tuple[str, str]:
    """What stands before and after the rendered part."""
    before, begin, rest = current.partition(BEGIN)
    if not begin:
        return current, ""
    _, end, after = rest.partition(END)
    if not end:
        raise RenderError(f"samconfig.toml has the line {BEGIN!r}, but not {END!r}: put it back")
    return before, after.lstrip("\n")


def _render_environment(group: TenantGroup) -> str:
    tags = " ".join(f"{_quote(key)}={_quote(value)}" for key, value in group.stack_tags.items())
    lines = [
        f"[{group.name}.deploy.parameters]",
        f"stack_name = {_toml(group.stack_name)}",
        f"region = {_toml(group.region)}",
        'capabilities = "CAPABILITY_IAM"',
        "resolve_s3 = true",
        "confirm_changeset = true",
        "fail_on_empty_changeset = false",
        f"tags = {_toml(tags)}",
        "parameter_overrides = [",
        *(f"    {_toml(f'{name}={_quote(value)}')}," for name, value in group.stack_parameters.items()),
        "]",
    ]
    return "\n".join(lines) + "\n"


def _quote(value: str) -> str:
    """The value as the SAM CLI reads it in NAME=VALUE: in quotes where it would end at a space or is empty."""
    if value and not set(value) & set(" \"'\\"):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _toml(text: str) -> str:
    # A TOML basic string has JSON's escapes.
    return json.dumps(text, ensure_ascii=False)
