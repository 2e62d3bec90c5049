"""Services that remember what they were asked and answer what they are told."""

from typing import Any

from emulator.errors import AwsError


class FakeService:
    """Answers by operation; an `AwsError` or another exception in place of an answer is raised."""

    def __init__(self, answers: dict[str, dict[str, Any] | Exception] | None = None) -> None:
        self.answers = dict(answers or {})
        self.requests: list[tuple[str, dict[str, Any]]] = []

    async def call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """The prepared answer."""
        self.requests.append((operation, request))
        answer = self.answers.get(operation)
        if answer is None:
            raise AwsError("UnknownOperationException", f"{operation} is not emulated.")
        if isinstance(answer, Exception):
            raise answer
        return answer
