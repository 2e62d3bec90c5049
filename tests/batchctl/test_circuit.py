"""`batchctl circuit` over a bucket in memory."""

import json
from collections.abc import Iterator
from unittest.mock import patch

import pytest
from express_batch.circuit_board import Circuit, is_circuit_open, open_circuit
from express_batch.run_layout import CIRCUIT_KEY

from batchctl.control import circuit_commands
from tests.batchctl.test_control import NOW, FakeS3, run
from tests.fakes.object_store import MemoryStore


@pytest.fixture
def s3() -> Iterator[FakeS3]:
    """The bucket that the commands reach."""
    fake = FakeS3()
    with patch.object(circuit_commands, "open_stack", lambda *_: fake.stack):
        yield fake


def open_as_the_batch_does(s3: FakeS3) -> MemoryStore:
    store = MemoryStore()
    store.objects = s3.objects
    open_circuit(store, Circuit("open", NOW, "20261122T083000Z", "20 of the last 20 users failed"))
    return store


def test_show_tells_since_when_and_why_and_whom_to_redrive(s3: FakeS3) -> None:
    open_as_the_batch_does(s3)
    s3.add_run("20261122T083000Z", NOW - 5, {"status": "PARTIAL", "failed_by_reason": {"CircuitOpenError": 1200}})
    s3.add_run("20261122T084000Z", NOW + 600, {"status": "PARTIAL", "failed_by_reason": {"StoppedError": 3}})

    text = run("circuit", "show", "--stack", "acme")

    assert "the circuit is open since 2026-11-22 08:30:00Z by run 20261122T083000Z: 20 of the last 20 users" in text
    assert "the next run or redrive asks three users first" in text
    assert "run 20261122T083000Z: 1,200 users were not called for" in text
    assert "batchctl redrive 20261122T083000Z --reason CircuitOpenError --stack acme" in text
    assert "T084000Z" not in text


def test_close_closes_what_the_batch_has_opened(s3: FakeS3) -> None:
    store = open_as_the_batch_does(s3)

    assert "closed; the circuit was open since" in run("circuit", "close")

    assert is_circuit_open(store) is False
    assert "the circuit is closed since" in run("circuit", "show")
    assert "closed by" in run("circuit", "show")
    assert "closed already" in run("circuit", "close")


def test_circuit_that_was_never_opened_is_closed(s3: FakeS3) -> None:
    assert "never opened" in run("circuit", "show")
    assert "closed already" in run("circuit", "close")
    assert s3.objects == {}


@pytest.mark.parametrize("body", [b"", b"[]", b'{"state": "ajar"}', b"\xff"])
def test_what_is_no_circuit_counts_as_open_and_is_closed(s3: FakeS3, body: bytes) -> None:
    s3.objects[CIRCUIT_KEY] = body

    assert json.loads(run("circuit", "show", "--json"))["state"] == "open"
    assert json.loads(run("circuit", "close", "--json"))["state"] == "closed"
    assert json.loads(run("circuit", "show", "--json"))["state"] == "closed"


def test_circuit_without_a_time_is_shown_as_open_because_the_batch_takes_it_for_that(s3: FakeS3) -> None:
    s3.objects[CIRCUIT_KEY] = b'{"state": "closed", "changed_at": NaN, "run_id": "", "reason": ""}'
    store = MemoryStore()
    store.objects = s3.objects

    shown = json.loads(run("circuit", "show", "--json"))

    assert is_circuit_open(store)
    assert shown["state"] == "open"


@pytest.mark.parametrize("changed_at", ["1e300", "-5", "NaN"])
def test_circuit_has_changed_when_it_was_put_whatever_the_clock_of_who_put_it(s3: FakeS3, changed_at: str) -> None:
    s3.objects[CIRCUIT_KEY] = b'{"state": "open", "changed_at": %s, "run_id": "", "reason": "x"}' % changed_at.encode()

    assert "the circuit is open since 2026-11-22 08:30:00Z: " in run("circuit", "show")
