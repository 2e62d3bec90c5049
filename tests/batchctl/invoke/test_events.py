"""Sample events, and files that are none."""

import base64
from pathlib import Path

import pytest
from express_batch.chunks import Slice
from express_batch.close_run import ClosingRequest
from express_batch.list_users import StartRequest
from express_batch.stream_record import decode_record
from job import job

from batchctl.errors import UsageError
from batchctl.invoke.events import EVENTS, find_sample, read_event
from batchctl.invoke.functions import list_functions
from batchctl.project_tree import TEMPLATE

FUNCTIONS = list_functions(TEMPLATE)


def test_samples_are_numbered_in_the_order_of_the_data() -> None:
    names = sorted(path.name for path in EVENTS.glob("*.json"))

    assert [int(name[:2]) for name in names] == list(range(1, len(names) + 1))
    assert [name[3:-5] for name in names] == [
        "schedule", "list_users", "sync_users", "write_rows", "close_run", "migrate_schema",
    ]  # fmt: skip


@pytest.mark.parametrize("function", FUNCTIONS)
def test_find_sample_has_one_for_every_function(function: str) -> None:
    assert find_sample(function).parent == EVENTS


def test_find_sample_says_how_to_do_without_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no sample event NN-sync_users\.json: give one with --event"):
        find_sample("sync_users", tmp_path)


def test_samples_are_what_the_functions_take_and_speak_of_one_run() -> None:
    start = StartRequest.from_event(read_event(find_sample("list_users")))
    slice_ = Slice.from_event(read_event(find_sample("sync_users")))
    (item,) = read_event(find_sample("write_rows"))["Records"]
    record = decode_record(base64.b64decode(item["kinesis"]["data"]))
    closing = ClosingRequest.from_event(read_event(find_sample("close_run")))

    assert start.scheduled_time == read_event(EVENTS / "01-schedule.json")["scheduled_time"] == "2026-11-22T08:30:00Z"
    assert start.dry_run_users is None
    assert {slice_.run_id, record.run_id, closing.run_id} == {"20261122T083000Z"}
    assert closing.chunk_sizes == {slice_.chunk: slice_.end} == {record.chunk: len(record.rows)}
    assert record.columns == job.TABLE.columns


def test_read_event_names_the_file_when_it_is_missing(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"--event .*gone\.json: No such file or directory; the samples are in events/"
    ):
        read_event(tmp_path / "gone.json")


def test_read_event_names_the_place_when_it_is_no_json(tmp_path: Path) -> None:
    path = tmp_path / "event.json"
    path.write_text('{\n  "chunk": ,\n}')

    with pytest.raises(UsageError, match=r"event\.json: no JSON at line 2, column 12"):
        read_event(path)


def test_read_event_names_the_byte_when_it_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "event.json"
    path.write_bytes(b'"\xff"')

    with pytest.raises(UsageError, match=r"event\.json: no UTF-8 text at byte 1"):
        read_event(path)
