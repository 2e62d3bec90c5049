"""Options: ranges, types and names are checked where they are made."""

import json
import math
from typing import Any

import pytest

from emulator.partner_api.options import OptionError, PartnerApiOptions, UserOverride, merge_options


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"latency_ms": -1}, "latency_ms"),
        ({"latency_ms": math.nan}, "latency_ms"),
        ({"latency_ms": "100"}, "latency_ms"),
        ({"error_rate": 1.01}, "error_rate"),
        ({"throttle_rate": True}, "throttle_rate"),
        ({"seed": 1.5}, "seed"),
        ({"retry_after_seconds": 3601}, "retry_after_seconds"),
        ({"changing": 1}, "changing"),
        ({"error_rate": 0.6, "drop_rate": 0.6}, "sum to 1.2"),
        ({"latency": 1}, "unknown option latency"),
        ({"users": []}, "users must be an object"),
        ({"users": {"u1": {"fault": "melts"}}}, "melts"),
        ({"users": {"u1": {"latency": 1}}}, "u1"),
        ({"users": {"u1": {"fault": "drop", "first_attempts": 0}}}, "first_attempts"),
    ],
)
def test_merge_options_names_the_option_when_it_is_wrong(changes: dict[str, Any], named: str) -> None:
    # GIVEN the defaults / WHEN a change is out of its range, type or name / THEN the error names it
    with pytest.raises(OptionError, match=named):
        merge_options(PartnerApiOptions(), changes)


def test_options_are_the_same_when_they_went_through_json() -> None:
    # GIVEN options that differ from every default, overrides included
    options = PartnerApiOptions(
        latency_ms=5,
        error_rate=0.25,
        changing=True,
        users={"u1": UserOverride(fault="timeout"), "u2": UserOverride(latency_ms=3, first_attempts=None)},
    )
    # WHEN they travel as JSON / THEN nothing is lost
    assert merge_options(PartnerApiOptions(), json.loads(json.dumps(options.to_json()))) == options


def test_merge_options_removes_an_override_when_it_is_null() -> None:
    # GIVEN two overrides
    options = PartnerApiOptions(users={"u1": UserOverride(fault="drop"), "u2": UserOverride(fault="timeout")})
    # WHEN one is set to null / THEN the other stays
    assert dict(merge_options(options, {"users": {"u1": None}}).users) == {"u2": UserOverride(fault="timeout")}
