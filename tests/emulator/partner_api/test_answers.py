"""Good answers and malformed ones."""

import itertools
import json
import re
from typing import Any

import pytest

from emulator.partner_api.answers import POINTS_END, encode_answer, make_answer
from emulator.partner_api.fault_names import MALFORMED_KINDS, OVERSIZED
from emulator.partner_api.malformed import make_malformed

_MOMENT = re.compile(r"2026-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z")


def is_contract_kept(body: bytes, user_id: str) -> bool:
    """A strict reading of docs/reference/partner-api.md."""
    try:
        value: Any = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return (
        isinstance(value, dict)
        and value.get("user_id") == user_id
        and type(value.get("points")) is int
        and 0 <= value["points"] < 2**31
        and value.get("tier") in {"bronze", "silver", "gold", "platinum"}
        and isinstance(value.get("updated_at"), str)
        and _MOMENT.fullmatch(value["updated_at"]) is not None
    )


@pytest.mark.parametrize("user_id", ["u1", "ü🙂", 'q"\\', "\x00"])
def test_answer_keeps_the_contract_when_the_user_id_is_odd(user_id: str) -> None:
    # GIVEN any user id / WHEN answered / THEN the body is the contract's JSON
    for version in range(50):
        assert is_contract_kept(encode_answer(make_answer(1, user_id, version)), user_id)


def test_answers_differ_and_grow_later_when_the_version_rises() -> None:
    # GIVEN one user / WHEN its answer changes 200 times / THEN points never repeat in a row and the date only rises
    answers = [make_answer(1, "u1", version) for version in range(200)]
    assert all(a.points != b.points and a.updated_at < b.updated_at for a, b in itertools.pairwise(answers))
    assert all(0 <= answer.points < POINTS_END for answer in answers)


@pytest.mark.parametrize("kind", MALFORMED_KINDS)
def test_malformed_body_breaks_the_contract_whatever_its_kind(kind: str) -> None:
    # GIVEN a good answer / WHEN it is broken in that way / THEN a strict reader refuses it or misses bytes
    broken = make_malformed(kind, make_answer(1, "u1", 0), 0)
    assert not is_contract_kept(broken.body, "u1")


def test_oversized_body_has_exactly_the_bytes_of_max_body() -> None:
    # GIVEN a limit of 10 MB / WHEN oversized / THEN it is valid JSON of that size
    broken = make_malformed(OVERSIZED, make_answer(1, "u1", 0), 10_000_000)
    assert len(broken.body) == broken.declared_length == 10_000_000
    assert json.loads(broken.body)["user_id"] == "u1"
