"""The order of a run's users: every user once, and no tenant behind another's thousands."""

from collections import Counter, defaultdict

import pytest
from express_batch.errors import JobFailedError
from express_batch.fair_order import read_weights, take_turns
from express_batch.job_contract import User
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.bounds import BOUNDED

TENANTS = st.sampled_from(["a", "b", "c", "d"])
WEIGHTS = st.dictionaries(TENANTS, st.integers(1, 5))


def make_users(tenants: list[str]) -> list[User]:
    return [User(f"u{number}", tenant) for number, tenant in enumerate(tenants)]


@BOUNDED
@given(st.lists(TENANTS, max_size=80), WEIGHTS)
def test_every_user_comes_once_and_a_tenants_own_keep_their_order(tenants: list[str], weights: dict[str, int]) -> None:
    users = make_users(tenants)

    ordered = list(take_turns(users, weights))

    assert Counter(ordered) == Counter(users)
    for tenant in set(tenants):
        assert [user for user in ordered if user.tenant_id == tenant] == [
            user for user in users if user.tenant_id == tenant
        ]


@BOUNDED
@given(st.lists(TENANTS, max_size=80), WEIGHTS)
def test_no_tenant_is_ahead_of_a_waiting_one_by_more_than_a_round(tenants: list[str], weights: dict[str, int]) -> None:
    waiting = Counter(tenants)
    given_to: defaultdict[str, int] = defaultdict(int)

    for user in take_turns(make_users(tenants), weights):
        given_to[user.tenant_id] += 1
        waiting[user.tenant_id] -= 1
        for other in (tenant for tenant, left in waiting.items() if left):
            rounds = given_to[user.tenant_id] / weights.get(user.tenant_id, 1)
            assert rounds <= given_to[other] / weights.get(other, 1) + 1


def test_small_tenants_are_through_before_a_large_one_has_as_many_more_as_they_have_users() -> None:
    users = make_users(["noisy"] * 5_000 + [f"small-{number % 20}" for number in range(400)])

    ordered = list(take_turns(users, {}))

    last = max(index for index, user in enumerate(ordered) if user.tenant_id != "noisy")
    assert last < 20 * 21
    assert sum(user.tenant_id == "noisy" for user in ordered[: last + 1]) == 20


def test_tenant_has_as_many_users_in_a_round_as_its_weight_says() -> None:
    users = make_users(["a"] * 6 + ["b"] * 3)

    assert [user.tenant_id for user in take_turns(users, {"a": 2})] == list("aabaabaab")


@pytest.mark.parametrize("weights", [{"a": 0}, {"a": 1.5}, {"a": True}, {"a": 1001}, ["a"]])
def test_weights_are_refused_by_name_when_they_are_none(weights: object) -> None:
    class WithWeights:
        TENANT_WEIGHTS = weights

    with pytest.raises(JobFailedError, match="TENANT_WEIGHTS of the job"):
        read_weights(WithWeights())


def test_job_without_weights_has_none() -> None:
    assert read_weights(object()) == {}
