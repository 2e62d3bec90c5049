"""template.yaml on this machine: `load_stack` checks and plans it, `StackPlan.create` makes it."""

from emulator.stack.aws_caller import AwsCaller, BotoCaller
from emulator.stack.errors import (
    ArtifactError,
    CreateError,
    DeleteError,
    FailedResource,
    ParameterError,
    StackError,
    TemplateError,
    UnknownTenantGroupError,
)
from emulator.stack.packaging import FetchObject, package_template
from emulator.stack.plan import NotEmulated
from emulator.stack.stack import Stack, StackPlan, StackResource, load_stack
from emulator.stack.tenant_group import list_tenant_groups, read_tenant_group

__all__ = [
    "ArtifactError",
    "AwsCaller",
    "BotoCaller",
    "CreateError",
    "DeleteError",
    "FailedResource",
    "FetchObject",
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
    "package_template",
    "read_tenant_group",
]
