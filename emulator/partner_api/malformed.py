"""Bodies that break the contract, one for each kind of FAULT_NAMES' malformed part."""

import json
from typing import Any, NamedTuple

from emulator.partner_api.answers import Answer
from emulator.partner_api.fault_names import OVERSIZED

_INT_END = 2**31  # the first number that an INT column does not hold
_NESTING = 20_000  # beyond the recursion limit of Python's json and of most parsers


class MalformedBody(NamedTuple):
    """A broken body; `declared_length` beyond the body's own means that the connection closes in its midst."""

    body: bytes
    content_type: str
    declared_length: int


def make_malformed(kind: str, answer: Answer, max_body: int) -> MalformedBody:
    """The body of that kind, made from what would have been the good answer."""
    if kind == "html_page":
        page = b"<html><body><h1>Scheduled maintenance</h1></body></html>"
        return MalformedBody(page, "text/html; charset=utf-8", len(page))
    if kind == "truncated_body":
        whole = json.dumps(answer._asdict()).encode()
        return MalformedBody(whole[: len(whole) // 2], "application/json", len(whole))
    body = _make_raw(kind, answer, max_body)
    return MalformedBody(body, "application/json", len(body))


def _make_raw(kind: str, answer: Answer, max_body: int) -> bytes:
    members: dict[str, Any] = answer._asdict()
    if kind == OVERSIZED:
        members["padding"] = ""
        head = json.dumps(members).encode()[:-2]
        return head + b"x" * max(0, max_body - len(head) - 2) + b'"}'
    if kind == "missing_field":
        del members["points"]
        return json.dumps(members).encode()
    raw = _RAW_BODIES.get(kind)
    if raw is not None:
        return raw
    return json.dumps(members | _replace_member(kind, answer)).encode()


_RAW_BODIES = {
    "not_json": b'{"user_id": "u1", "points": ',
    "empty_body": b"",
    "not_an_object": b'["points", 1]',
    "invalid_utf8": b'{"user_id": "\xff\xfe", "points": 1, "tier": "gold", "updated_at": "2026-01-01T00:00:00.000Z"}',
    "deep_nesting": b"[" * _NESTING + b"]" * _NESTING,
}


def _replace_member(kind: str, answer: Answer) -> dict[str, Any]:
    replacements: dict[str, dict[str, Any]] = {
        "null_field": {"points": None},
        "wrong_type": {"points": str(answer.points)},
        "boolean_points": {"points": True},
        "fractional_points": {"points": answer.points + 0.5},
        "not_a_number": {"points": float("nan")},
        "out_of_range": {"points": _INT_END + answer.points},
        "unknown_tier": {"tier": "diamond-and-then-some"},  # beyond VARCHAR(16) too
        "bad_date": {"updated_at": "2026-02-30T25:61:00.000Z"},
        "other_user": {"user_id": answer.user_id + "-other"},
    }
    return replacements[kind]
