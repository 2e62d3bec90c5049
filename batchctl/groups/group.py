"""A tenant group: the customers that share one stack."""

from dataclasses import dataclass, field

CANARY_WAVE = 0
STACK_PREFIX = "express-batch-"
# Stacks that go before the groups' (docs/how-to/deploy-from-nothing.md), so that no group's may be called so.
RESERVED_STACKS = tuple(
    f"{STACK_PREFIX}{name}"
    for name in ("artifacts", "deploy-roles", "fleet", "foundation", "group-deployer", "pipeline")
)
# The managed policy of deploy-roles.yaml without which CloudFormation may make no role for a group's stack.
BOUNDARY_PARAMETER = "PermissionsBoundaryName"
BOUNDARY_NAME = "ExpressBatchBoundary"


@dataclass(frozen=True)
class TenantGroup:
    """What one file in pipeline/tenant-groups says; `parameters` are texts, as CloudFormation takes them."""

    name: str
    description: str
    wave: int  # 0 is deployed first
    account: str  # 12 digits
    region: str
    stack_name: str
    parameters: dict[str, str] = field(default_factory=dict)  # TenantGroup included
    tags: dict[str, str] = field(default_factory=dict)  # the group's own

    @property
    def stack_parameters(self) -> dict[str, str]:
        """Parameters of the stack: the group's own, and the boundary where the group names none."""
        return {**self.parameters, BOUNDARY_PARAMETER: self.parameters.get(BOUNDARY_PARAMETER, BOUNDARY_NAME)}

    @property
    def stack_tags(self) -> dict[str, str]:
        """Tags of the stack: what all groups have, then the group's own."""
        return {"Project": "express-batch", "TenantGroup": self.name, **self.tags}
