"""Identity-based policies, permissions boundaries and their verdict.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from emulator.access.ask import Ask
from emulator.access.conditions import are_met
from emulator.access.patterns import as_list, matches
from emulator.errors import AwsError

_KNOWN = frozenset({"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"})


class Permission(NamedTuple):
    """What one line of a policy allows, in the policy's own words."""

    action: str
    resource: str


@dataclass(frozen=True)
class Statement:
    """One statement of a policy document."""

    effect: str
    actions: tuple[str, ...]
    excludes_actions: bool
    resources: tuple[str, ...]
    excludes_resources: bool
    conditions: Mapping[str, Mapping[str, Any]]

    def list_permissions(self, ask: Ask | None = None) -> list[Permission]:
        """What the statement allows: all of it, or as much as `ask`, to which it applies, makes use of."""
        if self.effect == "Deny":
            return []
        actions, resources = self.actions, self.resources
        if ask is not None and not self.excludes_actions:
            actions = tuple(pattern for pattern in actions if matches(pattern, ask.action, ignoring_case=True))
        if ask is not None and not self.excludes_resources:
            resources = tuple(pattern for pattern in resources if matches(pattern, ask.resource))
        return [Permission(action, resource) for action in actions for resource in resources]

    def applies_to(self, ask: Ask) -> bool:
        """Whether action, resource and conditions are those of the request."""
        named = any(matches(pattern, ask.action, ignoring_case=True) for pattern in self.actions)
        if named == self.excludes_actions:
            return False
        reached = any(matches(pattern, ask.resource) for pattern in self.resources)
        if reached == self.excludes_resources:
            return False
        return are_met(self.conditions, ask.context)


def read_policy(document: Mapping[str, Any]) -> list[Statement]:
    """The statements of a policy document; AwsError names what is not emulated."""
    return [_read_statement(statement) for statement in as_list(document["Statement"])]


def find_refusal(statements: Iterable[Statement], ask: Ask, kind: str = "identity-based policy") -> str | None:
    """None when the request is allowed; otherwise why not, in IAM's words. A Deny wins over every Allow.

    `kind` of policy is what these are: a request needs the leave of every kind that there is.
    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
    """
    is_allowed = False
    for statement in statements:
        if not statement.applies_to(ask):
            continue
        if statement.effect == "Deny":
            article = "an" if kind[0] in "aeiou" else "a"
            return f"with an explicit deny in {article} {kind}"
        is_allowed = True
    return None if is_allowed else f"because no {kind} allows the {ask.action} action"


def find_used(statements: Iterable[Statement], ask: Ask) -> list[Permission]:
    """What the policies say that lets this request through, where they let it."""
    return [
        permission
        for statement in statements
        if statement.applies_to(ask)
        for permission in statement.list_permissions(ask)
    ]


def _read_statement(statement: Mapping[str, Any]) -> Statement:
    unknown = set(statement) - _KNOWN
    if unknown:
        raise AwsError("MalformedPolicyDocument", f"Syntax errors in policy: {', '.join(sorted(unknown))}.")
    return Statement(
        effect=statement["Effect"],
        actions=tuple(as_list(statement.get("Action", statement.get("NotAction")))),
        excludes_actions="NotAction" in statement,
        resources=tuple(as_list(statement.get("Resource", statement.get("NotResource")))),
        excludes_resources="NotResource" in statement,
        conditions=statement.get("Condition", {}),
    )
