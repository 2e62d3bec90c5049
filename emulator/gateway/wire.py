"""A request and an answer as they come and go over HTTP."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.model import ServiceModel

from emulator.errors import AwsError


@dataclass(slots=True)
class WireRequest:
    """One HTTP request; `path` and `query` are raw, as they were sent."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]  # case-insensitive
    body: bytes


@dataclass(slots=True)
class WireAnswer:
    """One HTTP answer."""

    status: int
    body: bytes
    content_type: str | None
    headers: dict[str, str] = field(default_factory=dict)


def parse_json(body: bytes) -> Any:
    """The value of a JSON body; an empty body is an empty object."""
    if not body:
        return {}
    try:
        return json.loads(body)
    except ValueError as error:
        raise AwsError("SerializationException", f"The request's body is no JSON: {error}") from error


def write_json(value: Any) -> bytes:
    """JSON without spaces."""
    return json.dumps(value, separators=(",", ":")).encode()


def message_name(model: ServiceModel, code: str) -> str:
    """How the error `code` of this service calls its text: `message` or `Message`."""
    if code in model.shape_names:
        members = getattr(model.shape_for(code), "members", {})
        for name in members:
            if name.lower() == "message":
                return str(name)
    return "message"
