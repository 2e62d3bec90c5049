"""A tenant group: the customers that share one stack."""

from dataclasses import dataclass, field

CANARY_WAVE = 0
STACK_PREFIX = "express-batch-"


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
    def stack_tags(self) -> dict[str, str]:
        """Tags of the stack: what all groups have, then the group's own."""
        return {"Project": "express-batch", "TenantGroup": self.name, **self.tags}
