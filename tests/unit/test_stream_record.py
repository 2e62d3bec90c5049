"""Stream records."""

import contextlib
import json
from typing import Any

import pytest
from express_batch.errors import InvalidEventError, RecordTooLargeError
from express_batch.stream_record import (
    MAX_RECORD_BYTES,
    StreamRecord,
    SyncedRow,
    check_versions,
    decode_record,
    encode_records,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.bounds import BOUNDED
from tests.fakes.json_values import ANY_JSON, nested_json

RUN = "20261122T083000Z"
START = 100
VALUES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9)
)
ROWS = st.lists(
    st.builds(SyncedRow, st.integers(START, START + 999), st.integers(0, 2**64 - 1), st.tuples(VALUES, VALUES)),
    max_size=40,
    unique_by=lambda row: row.position,
)


def encode(rows: list[SyncedRow], limit_bytes: int = MAX_RECORD_BYTES) -> list[bytes]:
    return list(
        encode_records(
            rows,
            run_id=RUN,
            chunk=7,
            start=START,
            attempt_id="attempt",
            trace_header="Root=1-a;Sampled=1",
            columns=("user_id", "value"),
            limit_bytes=limit_bytes,
        )
    )


@BOUNDED
@given(ROWS, st.integers(450, 2_000))
def test_records_hold_every_row_once_and_in_order_when_split(rows: list[SyncedRow], limit_bytes: int) -> None:
    pieces = encode(rows, limit_bytes)
    records = [decode_record(piece) for piece in pieces]

    assert [row for record in records for row in record.rows] == rows
    assert all(len(piece) <= limit_bytes for piece in pieces)
    assert all(record.rows for record in records)
    assert len({record.record_id for record in records}) == len(records)
    assert {record.record_id for record in records} == {f"7-100-attempt-{part}" for part in range(len(records))}


@pytest.mark.parametrize("limit_bytes", range(300, 420, 7))
def test_records_are_as_full_as_they_may_be_and_never_fuller(limit_bytes: int) -> None:
    rows = [SyncedRow(START + number, 5, (f"u{number}", "x" * (number % 30))) for number in range(200)]

    pieces = encode(rows, limit_bytes)
    records = [decode_record(piece) for piece in pieces]

    assert max(len(piece) for piece in pieces) <= limit_bytes
    assert all(len(piece) > limit_bytes - 80 for piece in pieces[:-1])
    assert [row for record in records for row in record.rows] == rows
    assert [record.record_id for record in records] == [f"7-100-attempt-{part}" for part in range(len(pieces))]


def test_record_carries_where_it_comes_from() -> None:
    record = decode_record(encode([SyncedRow(101, 5, ("a", 1))])[0])

    assert record == StreamRecord(
        RUN,
        7,
        START,
        "7-100-attempt-0",
        "Root=1-a;Sampled=1",
        ("user_id", "value"),
        (SyncedRow(101, 5, ("a", 1)),),
    )


def test_records_are_none_when_there_are_no_rows() -> None:
    assert encode([]) == []


def test_record_is_refused_by_position_when_one_row_alone_is_too_large() -> None:
    with pytest.raises(RecordTooLargeError, match="position 101 of chunk 7") as refusal:
        encode([SyncedRow(100, 5, ("a", 1)), SyncedRow(101, 5, ("a", "x" * 600))], 500)
    assert "xxx" not in str(refusal.value)


def make_document(**changes: Any) -> dict[str, Any]:
    return {
        "version": 1,
        "run_id": RUN,
        "chunk": 7,
        "start": START,
        "record_id": "7-100-attempt-0",
        "trace": None,
        "columns": ["user_id", "value"],
        "rows": [[101, 5, "a", 1]],
        **changes,
    }


def test_record_is_taken_when_nothing_is_changed() -> None:
    assert decode_record(json.dumps(make_document()).encode()).rows == (SyncedRow(101, 5, ("a", 1)),)


@pytest.mark.parametrize("version", [None, 0, 2, "1", "secret", [1], {}])
def test_record_of_another_version_is_refused_with_the_remedy(version: Any) -> None:
    with pytest.raises(InvalidEventError, match="deploy SyncUsers and WriteRows together") as refusal:
        decode_record(json.dumps(make_document(version=version)).encode())
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"run_id": "secret"},
        {"run_id": None},
        {"chunk": -1},
        {"chunk": 2**32},  # more than the ledger's column holds
        {"start": "100"},
        {"start": True},
        {"start": 102},  # the row's position lies before its slice
        {"record_id": None},
        {"record_id": ""},
        {"record_id": "schön"},  # the ledger's column is ASCII
        {"record_id": "x" * 121},
        {"record_id": "../0"},  # it becomes part of a key
        {"record_id": "0-0-a/0"},
        {"record_id": ".."},
        {"record_id": "-"},
        {"run_id": "20260230T990000Z"},  # there is no such time
        {"trace": 7},
        {"trace": "x" * 1025},
        {"columns": ["user_id", "\ud800"]},
        {"columns": ["c"] * 4097},
        {"rows": [[101, 5, "a", 1], [101, 6, "a", 2]]},  # one position twice
        {"columns": 7},
        {"columns": [["user_id"], "value"]},
        {"columns": ["user_id"]},
        {"rows": 7},
        {"rows": "ab"},
        {"rows": {"a": 1}},
        {"rows": [[]]},
        {"rows": [[101]]},
        {"rows": [{}]},
        {"rows": [[101, 5, "a"]]},
        {"rows": [[101, -5, "a", 1]]},
        {"rows": [[101, 2**64, "a", 1]]},
        {"rows": [[100 + 8192, 5, "a", 1]]},  # more positions than the ledger's mask holds
        {"rows": [[101.0, 5, "a", 1]]},
        {"rows": [[101, 5, "a", [1]]]},
        {"rows": [[101, 5, {"a": 1}, 1]]},
        {"rows": [[101, 5, "a", float("nan")]]},
        {"rows": [[101, 5, "a", float("inf")]]},
        {"rows": [[101, 5, "a\ud800", 1]]},
    ],
)
def test_record_is_refused_when_a_field_is_wrong(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidEventError) as refusal:
        decode_record(json.dumps(make_document(**changes)).encode())
    assert len(str(refusal.value)) < 200


@pytest.mark.parametrize("field", sorted(make_document()))
def test_record_is_refused_when_a_field_is_absent(field: str) -> None:
    document = make_document()
    del document[field]

    with pytest.raises(InvalidEventError):
        decode_record(json.dumps(document).encode())


def test_record_is_refused_when_it_has_more_rows_than_positions() -> None:
    """Each would become a failure record's entry where the table differs: memory for all of them is not there."""
    with pytest.raises(InvalidEventError):
        decode_record(json.dumps(make_document(columns=[], rows=[[101, 5]] * 8193)).encode())


@pytest.mark.parametrize(
    ("version", "is_taken"), [(0, True), (1_300_000_000, True), (1_300_000_001, False), (2**64 - 1, False)]
)
def test_record_is_refused_when_an_answer_is_newer_than_its_arrival_allows(version: int, is_taken: bool) -> None:
    """Nothing would ever replace a row of version 2 ** 64 - 1."""
    record = decode_record(json.dumps(make_document(rows=[[101, 5, "a", 1], [102, version, "b", 1]])).encode())

    with contextlib.nullcontext() if is_taken else pytest.raises(InvalidEventError, match="300 s are allowed"):
        check_versions(record, 1000.0)


@pytest.mark.parametrize("depth", [100, 900, 960, 980, 990, 995, 100_000])
@pytest.mark.parametrize("field", [*sorted(make_document()), None])
def test_record_is_refused_when_it_is_nested_deeply(field: str | None, depth: int) -> None:
    body = nested_json(depth)
    if field is not None:
        body = json.dumps(make_document(**{field: "HERE"})).encode().replace(b'"HERE"', body)

    with pytest.raises(InvalidEventError):
        decode_record(body)


def decode_or_refuse(data: bytes) -> StreamRecord | None:
    """Whatever else is raised fails the test: it would block the shard."""
    try:
        return decode_record(data)
    except InvalidEventError:
        return None


@BOUNDED
@given(st.binary(max_size=80))
def test_record_of_garbage_is_refused(data: bytes) -> None:
    assert decode_or_refuse(data) is None


@BOUNDED
@given(st.data())
def test_record_is_refused_when_truncated(data: st.DataObject) -> None:
    whole = encode([SyncedRow(101, 5, ("a", 1)), SyncedRow(102, 5, ("ü", None))])[0]

    assert decode_or_refuse(whole[: data.draw(st.integers(0, len(whole) - 1))]) is None


@settings(BOUNDED, max_examples=150)
@given(st.data())
def test_record_that_is_taken_fits_the_ledger_whatever_a_field_holds(data: st.DataObject) -> None:
    field = data.draw(st.sampled_from(sorted(make_document())))
    document = make_document(**{field: data.draw(ANY_JSON)})
    record = decode_or_refuse(json.dumps(document).encode())

    if record is not None:
        assert all(0 <= row.position - record.start < 8192 for row in record.rows)
        assert all(len(row.values) == len(record.columns) for row in record.rows)


@settings(BOUNDED, max_examples=150)
@given(st.lists(ANY_JSON, max_size=5))
def test_record_that_is_taken_has_rows_of_plain_values_whatever_they_hold(row: list[Any]) -> None:
    record = decode_or_refuse(json.dumps(make_document(rows=[[101, 5, *row]])).encode())

    if record is not None:
        values = record.rows[0].values
        assert all(value is None or isinstance(value, (str, int, float)) for value in values)
        assert "".join(value for value in values if isinstance(value, str)).encode() is not None
