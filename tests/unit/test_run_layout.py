"""Where a run's objects lie."""

import datetime

import pytest
from express_batch.errors import InvalidEventError
from express_batch.run_layout import (
    check_any_run_id,
    check_run_id,
    chunk_key,
    failures_prefix,
    is_dry_run,
    make_dry_run_id,
    make_redrive_id,
    make_run_id,
    original_of,
    redrive_of,
    rejected_key,
    scheduled_moment,
    started_key,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.bounds import BOUNDED


@pytest.mark.parametrize(
    ("scheduled_time", "run_id"),
    [
        ("2026-11-22T08:30:00Z", "20261122T083000Z"),
        ("2026-11-22T08:30:00.123Z", "20261122T083000Z"),
        ("2026-11-22T17:30:00+09:00", "20261122T083000Z"),
        ("2026-11-22T23:30:00-02:00", "20261123T013000Z"),
    ],
)
def test_make_run_id_is_the_scheduled_time_in_utc(scheduled_time: str, run_id: str) -> None:
    assert make_run_id(scheduled_time) == run_id


@BOUNDED
@given(st.datetimes(datetime.datetime(1900, 1, 1), datetime.datetime(2200, 1, 1)), st.integers(-14 * 60, 14 * 60))
def test_make_run_id_is_the_same_whatever_the_offset(moment: datetime.datetime, minutes: int) -> None:
    moment = moment.replace(tzinfo=datetime.UTC)
    elsewhere = moment.astimezone(datetime.timezone(datetime.timedelta(minutes=minutes)))

    assert make_run_id(elsewhere.isoformat()) == make_run_id(moment.isoformat())
    assert check_run_id(make_run_id(moment.isoformat()))


@pytest.mark.parametrize(
    "scheduled_time",
    [
        "",
        "soon",
        "2026-11-22T08:30:00",  # no offset
        "2026-13-22T08:30:00Z",
        "<aws.scheduler.scheduled-time>",
        "0001-01-01T00:00:00+14:00",  # before the first year, once in UTC
    ],
)
def test_make_run_id_is_refused_when_the_time_is_none(scheduled_time: str) -> None:
    with pytest.raises(InvalidEventError, match=r"scheduled_time|run_id"):
        make_run_id(scheduled_time)


@pytest.mark.parametrize(
    "run_id", [None, 7, "", "20261122T083000", "../20261122T083000Z", "\u0662" + "0261122T083000Z", "x" * 99]
)
def test_check_run_id_is_refused_when_it_would_make_a_strange_key(run_id: object) -> None:
    with pytest.raises(InvalidEventError, match="run_id is") as refusal:
        check_run_id(run_id)
    assert len(str(refusal.value)) < 150


def test_keys_of_a_run_lie_under_its_own_prefix() -> None:
    run_id = "20261122T083000Z"

    assert started_key(run_id) == f"runs/{run_id}/started.json"
    assert chunk_key(run_id, 7) == f"runs/{run_id}/chunks/00007.json"
    assert failures_prefix(run_id) == f"runs/{run_id}/failures/"
    assert rejected_key("shardId-1", "49") == "rejected/shardId-1/49.json"


def test_dry_run_id_is_taken_where_users_are_called_for_and_refused_where_something_is_written() -> None:
    run_id = make_dry_run_id("2026-11-22T08:30:00.123Z", "execution-1")

    assert run_id.startswith("dry-20261122T083000Z-")
    assert is_dry_run(run_id)
    assert check_any_run_id(run_id) == run_id
    with pytest.raises(InvalidEventError):
        check_run_id(run_id)


def test_dry_run_ids_differ_when_two_executions_start_in_one_second() -> None:
    first, again, second = (make_dry_run_id("2026-11-22T08:30:00Z", name) for name in ("a", "a", "b"))

    assert first == again != second


@pytest.mark.parametrize("run_id", ["dry-", "dry-20261122T083000Z", "dry-20261122T083000Z-1a2b3c4d/..", None])
def test_check_any_run_id_is_refused_when_it_is_neither(run_id: object) -> None:
    with pytest.raises(InvalidEventError):
        check_any_run_id(run_id)


def test_scheduled_run_is_no_dry_run() -> None:
    assert not is_dry_run("20261122T083000Z")


@pytest.mark.parametrize("number", [1, 9, 10, 999])
def test_redrive_id_names_its_run_and_fits_the_ledgers_column(number: int) -> None:
    run_id = make_redrive_id("20261122T083000Z", number)

    assert check_run_id(run_id) == run_id == f"20261122T083000Z-r{number}"
    assert (original_of(run_id), redrive_of(run_id)) == ("20261122T083000Z", "20261122T083000Z")
    assert scheduled_moment(run_id) == datetime.datetime(2026, 11, 22, 8, 30, tzinfo=datetime.UTC)
    assert len(run_id) <= 32
    assert not is_dry_run(run_id)


def test_redrive_id_sorts_behind_its_run_and_before_the_next() -> None:
    # The ledger forgets writes of runs before a given one (ledger.forget_writes).
    first = [make_redrive_id("20261122T083000Z", number) for number in (1, 2, 10, 999)]

    assert all("20261122T083000Z" < run_id < "20261122T083001Z" for run_id in first)


def test_run_of_its_own_redrives_nothing() -> None:
    assert (redrive_of("20261122T083000Z"), original_of("20261122T083000Z")) == (None, "20261122T083000Z")


@pytest.mark.parametrize("suffix", ["-r0", "-r01", "-r1000", "-r", "-r1-r1", "-R1", "r1", "-r1\n"])
def test_check_run_id_refuses_what_is_no_redrive(suffix: str) -> None:
    with pytest.raises(InvalidEventError):
        check_run_id(f"20261122T083000Z{suffix}")
