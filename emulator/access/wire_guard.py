"""Judges HTTP requests at the gateway: those of functions, which sign with the key of their role."""

import json
from collections.abc import Mapping
from typing import Any

from emulator.access.api_asks import find_api_ask
from emulator.access.ask import Ask
from emulator.access.guard import AccessGuard
from emulator.access.principal import read_access_key
from emulator.access.s3_asks import ask_to_list, find_s3_ask
from emulator.errors import AwsError

_XML = "application/xml"
_JSON = "application/x-amz-json-1.0"


class WireGuard:
    """The gateway's side of an AccessGuard."""

    def __init__(self, guard: AccessGuard) -> None:
        self._guard = guard

    def find_role(self, headers: Mapping[str, str]) -> str:
        """The role that has signed a request, "" for a caller without one, who may do everything."""
        return self._guard.role_of_key(read_access_key(headers.get("Authorization", "")))

    async def check_call(self, role: str, service: str, operation: str, request: Mapping[str, Any]) -> None:
        """Return when the role may call the operation. Raises AwsError."""
        await self._guard.check(role, find_api_ask(service, operation, request, self._guard.identity))

    async def check_s3(self, role: str, method: str, path: str, query: str, host: str) -> Ask:
        """What was asked for, when the role may do it. Raises AwsError."""
        ask = find_s3_ask(method, path, query, host)
        await self._guard.check(role, ask)
        return ask

    async def may_know_absence(self, role: str, asked: Ask) -> bool:
        """Whether S3 tells this role that an object does not exist, and not only that access is denied."""
        return await self._guard.may(role, ask_to_list(asked))


def parse_target_body(body: bytes) -> Mapping[str, Any]:
    """The parameters of a JSON request; none where they cannot be read, which the service itself will say."""
    try:
        value = json.loads(body or b"{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def write_refusal(error: AwsError, *, service: str) -> tuple[str, bytes]:
    """(Content-Type, body) of a refusal in the form of the service that was called."""
    if service == "s3":
        text = f"<Error><Code>AccessDenied</Code><Message>{_escape(error.message)}</Message></Error>"
        return _XML, f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'.encode()
    return _JSON, json.dumps({"__type": error.code, "message": error.message}).encode()


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
