"""The table of the partners' limits: DynamoDB's and the fake in memory keep the same promises."""

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from express_batch.adapters.dynamodb_table import DynamoDbTable
from express_batch.partner_clock import MICROSECONDS
from express_batch.partner_limit import PartnerLimit
from express_batch.partner_permits import PartnerPermits, Steps
from express_batch.ports import LimitTable

from tests.emulator.gateway.conftest import MakeClient
from tests.fakes.limit_table import MemoryTable

KEY = "loyalty"
NOW = 1_795_000_000 * MICROSECONDS
FOR_EVER = 10**17


@pytest.fixture
def real_table(client: MakeClient, gateway_url: str, monkeypatch: pytest.MonkeyPatch) -> DynamoDbTable:
    """A table of its own for each test."""
    for name, value in (("ACCESS_KEY_ID", "local"), ("SECRET_ACCESS_KEY", "local"), ("REGION", "us-east-1")):
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", gateway_url)
    name = f"limits-{uuid4()}"
    client("dynamodb").create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "partner", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "partner", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return DynamoDbTable(name)


@pytest.fixture(params=["real", "fake"])
def table(request: pytest.FixtureRequest) -> LimitTable:
    real: LimitTable = request.getfixturevalue("real_table") if request.param == "real" else MemoryTable()
    return real


def test_item_is_empty_when_there_is_none(table: LimitTable) -> None:
    assert table.read(KEY) == table.read_now(KEY) == {}
    assert table.advance(KEY, "lane0", 5, least=0, most=FOR_EVER) == (False, {})


def test_item_is_made_by_the_first_exchange_and_by_no_second(table: LimitTable) -> None:
    assert table.exchange(KEY, {"lane0": NOW, "held a": "3 17"}, name="lane0", seen=None)
    assert not table.exchange(KEY, {"lane0": 1}, name="lane0", seen=None)

    assert table.read_now(KEY) == {"lane0": NOW, "held a": "3 17"}


def test_number_moves_on_when_it_lies_within_and_the_item_comes_as_it_was(table: LimitTable) -> None:
    table.exchange(KEY, {"lane0": NOW, "lane1": 7}, name="lane0", seen=None)

    assert table.advance(KEY, "lane0", 5, least=NOW, most=NOW) == (True, {"lane0": NOW, "lane1": 7})
    assert table.read_now(KEY) == {"lane0": NOW + 5, "lane1": 7}


@pytest.mark.parametrize(("least", "most"), [(NOW + 1, FOR_EVER), (0, NOW - 1), (NOW + 1, NOW - 1)])
def test_number_stays_when_it_lies_outside_and_the_item_comes_all_the_same(
    table: LimitTable, least: int, most: int
) -> None:
    table.exchange(KEY, {"lane0": NOW, "clock_share": 700}, name="lane0", seen=None)

    assert table.advance(KEY, "lane0", 5, least=least, most=most) == (False, {"lane0": NOW, "clock_share": 700})
    assert table.read_now(KEY)["lane0"] == NOW


def test_exchange_sets_when_the_number_is_the_one_seen(table: LimitTable) -> None:
    table.exchange(KEY, {"lane0": 1, "lane1": 3}, name="lane0", seen=None)

    assert not table.exchange(KEY, {"lane0": 9}, name="lane0", seen=2)
    assert table.exchange(KEY, {"lane0": 2, "lane2": 4}, name="lane0", seen=1)
    assert table.read_now(KEY) == {"lane0": 2, "lane1": 3, "lane2": 4}


def test_number_and_total_change_together_within_the_most(table: LimitTable) -> None:
    assert table.add(KEY, "held", "held a", 3, seen=None, most=5) == (True, {"held": 3, "held a": 3})
    assert table.add(KEY, "held", "held b", 3, seen=None, most=5) == (False, {"held": 3, "held a": 3})
    assert table.add(KEY, "held", "held b", 2, seen=None, most=5) == (True, {"held": 5, "held a": 3, "held b": 2})
    # Giving back is not kept by a most that has been lowered meanwhile.
    assert table.add(KEY, "held", "held a", -2, seen=3, most=1) == (True, {"held": 3, "held a": 1, "held b": 2})


@pytest.mark.parametrize("seen", [None, 2])
def test_neither_changes_when_the_number_is_another_than_was_seen(table: LimitTable, seen: int | None) -> None:
    table.add(KEY, "held", "held a", 3, seen=None, most=9)

    assert table.add(KEY, "held", "held a", -1, seen=seen, most=9) == (False, {"held": 3, "held a": 3})


def test_dropped_number_goes_off_the_total_once(table: LimitTable) -> None:
    table.add(KEY, "held", "held a", 3, seen=None, most=9)
    table.add(KEY, "held", "held b", 4, seen=None, most=9)

    table.drop(KEY, "held", "held a", seen=2)
    assert table.read_now(KEY)["held"] == 7
    table.drop(KEY, "held", "held a", seen=3)
    table.drop(KEY, "held", "held a", seen=3)
    table.drop(KEY, "held", "held b")
    table.drop(KEY, "held", "held b")

    assert table.read_now(KEY) == {"held": 0}


def test_leases_of_environments_that_ask_at_once_never_overlap(real_table: DynamoDbTable) -> None:
    limits = [PartnerLimit(real_table, KEY, 500) for _ in range(12)]

    with ThreadPoolExecutor(12) as pool:
        until = limits[0].now() + 3600 * MICROSECONDS
        taken = list(pool.map(lambda limit: limit.take_slots(250, "lane1", until=until), limits))

    leases = sorted((lease for lease in taken if lease is not None), key=lambda lease: lease.start)
    assert len(leases) == 12
    # One after the other, without a slot between them.
    assert [lease.start for lease in leases[1:]] == [lease.end for lease in leases[:-1]]


def test_permits_taken_at_once_are_never_more_than_there_are(real_table: DynamoDbTable) -> None:
    permits = PartnerPermits(real_table, KEY, 40)

    with ThreadPoolExecutor(8) as pool:
        slices = [permits.open(f"slice-{number}", until=2e9) for number in range(8)]
        taken = list(pool.map(lambda one: one.take(10, Steps(10, 1)), slices))

    assert taken.count(10) == 4
    assert sum(taken) == 40
