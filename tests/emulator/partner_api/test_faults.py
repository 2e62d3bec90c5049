"""Faults: a function of seed, user and attempt; rates are met; sticky ones stay."""

from collections import Counter
from dataclasses import replace

import pytest

from emulator.partner_api.fault_names import ERRORS, NO_FAULT
from emulator.partner_api.faults import FaultPlan
from emulator.partner_api.options import PartnerApiOptions, UserOverride

USERS = [f"u{number}" for number in range(20_000)]


def plan_faults(options: PartnerApiOptions, attempt: int = 1) -> list[str]:
    plan = FaultPlan(options)
    return [plan.plan_call(user_id, attempt)[0] for user_id in USERS]


def test_faults_repeat_when_the_seed_is_the_same() -> None:
    # GIVEN rates / WHEN drawn twice with one seed and once with another / THEN the first two are equal
    options = PartnerApiOptions(error_rate=0.2, malformed_rate=0.2, drop_rate=0.1, seed=3)
    assert plan_faults(options) == plan_faults(replace(options))
    assert plan_faults(options) != plan_faults(replace(options, seed=4))


@pytest.mark.parametrize("sticky_share", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("attempt", [1, 2])
def test_faults_meet_their_rates_whatever_share_is_sticky(sticky_share: float, attempt: int) -> None:
    # GIVEN five kinds of fault
    options = PartnerApiOptions(
        error_rate=0.1, throttle_rate=0.05, malformed_rate=0.2, not_found_rate=0.1, sticky_share=sticky_share
    )
    # WHEN drawn for 20,000 users
    counts = Counter(fault.partition("_")[0] for fault in plan_faults(options, attempt))
    # THEN each kind's share is its rate, within five standard deviations of 20,000 draws
    for name, rate in (("error", 0.1), ("throttle", 0.05), ("malformed", 0.2), ("not", 0.1), ("none", 0.55)):
        assert abs(counts[name] / len(USERS) - rate) < 5 * (rate * (1 - rate) / len(USERS)) ** 0.5, name


def test_faults_are_transient_or_sticky_when_the_defaults_hold() -> None:
    # GIVEN the defaults, by which 5xx is transient and malformed answers are sticky
    errors = PartnerApiOptions(error_rate=0.3)
    malformed = PartnerApiOptions(malformed_rate=0.3)
    # WHEN the same users call again / THEN 5xx meets others, and malformed answers the same users in the same kind
    assert plan_faults(errors, 1) != plan_faults(errors, 2)
    assert plan_faults(malformed, 1) == plan_faults(malformed, 2)
    assert set(plan_faults(errors)) == {*ERRORS, NO_FAULT}


def test_override_holds_for_the_first_attempts_when_it_says_so() -> None:
    # GIVEN a user whose first two attempts get 503, while every call would be dropped
    users = {"u1": UserOverride(fault="error_503", first_attempts=2)}
    plan = FaultPlan(PartnerApiOptions(drop_rate=1, users=users))
    # WHEN it calls three times / THEN the third is good, and other users follow the rates
    assert [plan.plan_call("u1", attempt)[0] for attempt in (1, 2, 3)] == ["error_503", "error_503", NO_FAULT]
    assert plan.plan_call("u2", 1)[0] == "drop"


def test_latency_stays_in_its_band_when_it_jitters() -> None:
    # GIVEN 100 ms with 30% of jitter / WHEN drawn for every user / THEN it fills the band around its mean
    plan = FaultPlan(PartnerApiOptions(latency_ms=100, latency_jitter=0.3))
    delays = [plan.plan_call(user_id, 1)[1] for user_id in USERS]
    assert 0.07 <= min(delays) < 0.072
    assert 0.128 < max(delays) <= 0.13
    assert abs(sum(delays) / len(delays) - 0.1) < 0.001
