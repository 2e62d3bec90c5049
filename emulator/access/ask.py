"""What a request asks for, in the words of a policy."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Ask:
    """One permission: an action on a resource, with the request's condition keys (lower case)."""

    action: str  # "s3:GetObject"
    resource: str  # an ARN, or "*" where the action has no resource
    context: Mapping[str, str] = field(default_factory=dict)
