"""Which path means what."""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import unquote_to_bytes

from emulator.partner_api.options import OptionError, merge_options
from emulator.partner_api.request_parser import BadRequestError, Request
from emulator.partner_api.response_writer import encode_json
from emulator.partner_api.service import PartnerService

_PREFIX = b"/v1/users/"
_SUFFIX = b"/points"
_MAX_USER_ID_BYTES = 1024


def read_user_id(target: bytes) -> str | None:
    """The user of GET /v1/users/{user_id}/points; None for any other path. Raises BadRequestError."""
    if b"?" in target:
        target = target.partition(b"?")[0]
    if not (target.startswith(_PREFIX) and target.endswith(_SUFFIX)):
        return None
    raw = target[len(_PREFIX) : -len(_SUFFIX)]
    if not raw or b"/" in raw:
        return None
    if b"%" in raw:
        raw = unquote_to_bytes(raw)
    if len(raw) > _MAX_USER_ID_BYTES:
        raise BadRequestError(400, f"the user id exceeds {_MAX_USER_ID_BYTES} bytes")
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise BadRequestError(400, "the user id must be UTF-8, percent-encoded") from error


def answer_control(service: PartnerService, request: Request) -> tuple[str, bytes] | None:
    """Content type and body of a control path, done; None where there is no such path. Raises BadRequestError."""
    route = _CONTROLS.get(request.target)
    if route is None:
        return None
    method, control = route
    if request.method != method:
        raise BadRequestError(405, f"{request.target.decode()} takes {method.decode()}", allow=method.decode())
    return control(service, request.body)


def _serve_answers(service: PartnerService, _body: bytes) -> tuple[str, bytes]:
    return "application/x-ndjson", b"".join(service.account.iterate_answers())


def _serve_users(service: PartnerService, _body: bytes) -> tuple[str, bytes]:
    return "application/x-ndjson", b"".join(service.account.iterate_users())


def _serve_stats(service: PartnerService, _body: bytes) -> tuple[str, bytes]:
    return "application/json", encode_json(service.account.summarise())


def _serve_options(service: PartnerService, _body: bytes) -> tuple[str, bytes]:
    return "application/json", encode_json(service.options.to_json())


def _reset(service: PartnerService, body: bytes) -> tuple[str, bytes]:
    wishes = _read_object(body)
    keep_versions = wishes.pop("keep_versions", False)
    if wishes or not isinstance(keep_versions, bool):
        raise BadRequestError(400, 'reset takes {"keep_versions": true|false} or nothing')
    service.account.reset(keep_versions=keep_versions)
    return "application/json", encode_json({"reset": True})


def _change_options(service: PartnerService, body: bytes) -> tuple[str, bytes]:
    try:
        service.use_options(merge_options(service.options, _read_object(body)))
    except OptionError as error:
        raise BadRequestError(400, str(error)) from error
    return _serve_options(service, b"")


def _read_object(body: bytes) -> dict[str, object]:
    if not body:
        return {}
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadRequestError(400, f"the body is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise BadRequestError(400, "the body must be a JSON object")
    return value


_Control = Callable[[PartnerService, bytes], tuple[str, bytes]]
_CONTROLS: dict[bytes, tuple[bytes, _Control]] = {
    b"/_control/answers": (b"GET", _serve_answers),
    b"/_control/users": (b"GET", _serve_users),
    b"/_control/stats": (b"GET", _serve_stats),
    b"/_control/reset": (b"POST", _reset),
    b"/_control/options": (b"POST", _change_options),
}
