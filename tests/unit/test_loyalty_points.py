"""The example job."""

import datetime
from typing import Any

import pytest
from express_batch.job_contract import User
from express_batch.partner_calls import MALFORMED_ERRORS
from hypothesis import given, settings
from hypothesis import strategies as st
from job import job, loyalty_points

from tests.fakes.bounds import BOUNDED
from tests.fakes.json_values import ANY_JSON

USER = User("user-1", "acme")
ANSWER = {"user_id": "user-1", "points": 120, "tier": "gold", "updated_at": "2026-11-22T08:29:31.5Z"}


def test_deployment_runs_the_example_job() -> None:
    assert job is loyalty_points


def test_row_is_what_the_partner_answered() -> None:
    assert loyalty_points.make_row(USER, ANSWER) == ("user-1", 120, "gold", "2026-11-22 08:29:31.500")


@pytest.mark.parametrize(
    ("updated_at", "stored"),
    [
        ("2026-11-22T17:29:31+09:00", "2026-11-22 08:29:31.000"),
        ("2026-11-22T08:29:31.123456Z", "2026-11-22 08:29:31.123"),
        ("2026-11-22T23:59:59.999999-01:00", "2026-11-23 00:59:59.999"),
    ],
)
def test_row_has_its_time_in_utc_to_the_millisecond(updated_at: str, stored: str) -> None:
    assert loyalty_points.make_row(USER, {**ANSWER, "updated_at": updated_at})[3] == stored


@pytest.mark.parametrize(
    "change",
    [
        {"user_id": "user-2"},
        {"user_id": None},
        {"points": None},
        {"points": "120"},
        {"points": 1.5},
        {"points": True},
        {"tier": None},
        {"tier": 7},
        {"updated_at": None},
        {"updated_at": 7},
        {"updated_at": "yesterday"},
        {"updated_at": "0001-01-01T00:00:00+14:00"},  # before the first year, once in UTC
        {"updated_at": "9999-12-31T23:59:59-14:00"},
    ],
)
def test_row_is_refused_when_a_field_is_malformed(change: dict[str, Any]) -> None:
    with pytest.raises(MALFORMED_ERRORS):
        loyalty_points.make_row(USER, {**ANSWER, **change})


@pytest.mark.parametrize("field", sorted(ANSWER))
def test_row_is_refused_when_a_field_is_absent(field: str) -> None:
    with pytest.raises(MALFORMED_ERRORS):
        loyalty_points.make_row(USER, {name: value for name, value in ANSWER.items() if name != field})


def make_row_or_refuse(answer: Any) -> None:
    """Anything but a row of the right types or a malformed answer's error fails the test: it would stop a slice."""
    try:
        row = loyalty_points.make_row(USER, answer)
    except MALFORMED_ERRORS:
        return
    user_id, points, tier, updated_at = row
    assert (user_id, type(points), type(tier)) == ("user-1", int, str)
    assert isinstance(updated_at, str)
    assert len(updated_at) == 23
    datetime.datetime.strptime(updated_at, "%Y-%m-%d %H:%M:%S.%f")


@BOUNDED
@given(ANY_JSON)
def test_any_json_makes_a_row_or_is_malformed(answer: Any) -> None:
    make_row_or_refuse(answer)


TIMES = st.datetimes(timezones=st.timezones()).map(datetime.datetime.isoformat) | st.datetimes().map(
    lambda moment: f"{moment.isoformat()}+14:00"
)


@settings(BOUNDED, max_examples=100)
@given(st.fixed_dictionaries({name: ANY_JSON | st.just(value) for name, value in ANSWER.items()}))
def test_any_fields_make_a_row_or_are_malformed(answer: dict[str, Any]) -> None:
    make_row_or_refuse(answer)


@BOUNDED
@given(TIMES)
def test_any_time_makes_a_row_or_is_malformed(updated_at: str) -> None:
    make_row_or_refuse({**ANSWER, "updated_at": updated_at})
