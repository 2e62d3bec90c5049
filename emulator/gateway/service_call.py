"""What the gateway wants from a service."""

from typing import Any, Protocol


class ServiceCall(Protocol):
    """An emulated service: requests and answers have the shape that boto3 takes and gives."""

    async def call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """The answer of one API operation; raises `AwsError`."""
        ...
