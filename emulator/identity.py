"""Whose account and which region the emulated services pretend to be."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Identity:
    """Account and region used in every ARN."""

    region: str = "us-east-1"
    account_id: str = "123456789012"

    def arn(self, service: str, resource: str) -> str:
        """Full ARN of `resource` (its part after the account) in this account and region."""
        return f"arn:aws:{service}:{self.region}:{self.account_id}:{resource}"
