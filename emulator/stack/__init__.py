"""template.yaml on this machine: `load_stack` checks and plans it, `StackPlan.create` makes it."""

from emulator.stack.aws_caller import AwsCaller, BotoCaller
from emulator.stack.errors import (
    ArtifactError,
    CreateError,
    DeleteError,
    ParameterError,
    StackError,
    TemplateError,
    UnknownTenantGroupError,
)
from emulator.stack.plan import NotEmulated
from emulator.stack.stack import Stack, StackPlan, StackResource, load_stack
from emulator.stack.tenant_group import list_tenant_groups, read_tenant_group

__all__ = [
    "ArtifactError",
    "AwsCaller",
    "BotoCaller",
    "CreateError",
    "DeleteError",
    "NotEmulated",
    "ParameterError",
    "Stack",
    "StackError",
    "StackPlan",
    "StackResource",
    "TemplateError",
    "UnknownTenantGroupError",
    "list_tenant_groups",
    "load_stack",
    "read_tenant_group",
]
