"""Past runs in files: whole, versioned, bounded, and readable beside what is broken."""

from dataclasses import replace
from pathlib import Path

import pytest

from batchctl.errors import BatchctlError
from batchctl.runs.archive import KEPT_RUNS, Archive, NoRunsError, compare_with_past
from batchctl.runs.collect import RunNotFoundError
from batchctl.runs.run_data import Finding, RunData, TraceFacts
from batchctl.runs.run_file import RunFileError, decode_run, encode_run
from tests.batchctl.runs.made_up_run import RUN_ID, make_data, make_head
from tests.batchctl.runs.test_findings import dead_slice, failed_user, group


def full_data() -> RunData:
    return make_data(
        failures=[group("X", 1)],
        findings=[Finding("k", "info", "t", "r")],
        slice_failures=[dead_slice()],
        failed_users=[failed_user()],
        trace=TraceFacts("1-5f-1", 3, 100, 1),
        gaps=["ein Fehler, é"],
    )


def test_run_file_gives_back_what_it_was_given() -> None:
    assert decode_run(encode_run(full_data())) == full_data()


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", "{}", '{"version": 2}', '{"version": 1}', '{"version": 1, "head": {"run_id": 7}}', b"\xff"],
)
def test_run_file_refuses_what_is_none(text: str | bytes) -> None:
    with pytest.raises(RunFileError):
        decode_run(text)


def test_run_file_passes_over_members_of_a_later_release_and_fills_in_those_it_lacks() -> None:
    text = encode_run(make_data()).replace('"origin":', '"of_later":1,"origin":').replace(',"gaps":[]', "")

    assert decode_run(text) == make_data()


def test_archive_saves_one_file_that_others_cannot_read(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "runs")

    path = archive.save(full_data())

    assert [each.name for each in path.parent.iterdir()] == [f"{RUN_ID}.json"]
    assert path.stat().st_mode & 0o077 == 0
    assert archive.load(RUN_ID) == full_data()


def test_archive_keeps_the_last_runs_alone(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    for number in range(KEPT_RUNS + 3):
        run_id = f"20261122T08{number:02d}00Z"
        archive.save(replace(make_data(), head=make_head(run_id=run_id)))
        archive.save_objects(run_id, {"runs/x": b"1"})

    assert len(archive.run_ids()) == KEPT_RUNS
    assert len(list(tmp_path.glob("*.zip"))) <= KEPT_RUNS + 1
    assert archive.newest() == f"20261122T08{KEPT_RUNS + 2}00Z"
    with pytest.raises(RunNotFoundError, match="`batchctl runs` lists them"):
        archive.load("20261122T080000Z")


def test_archive_passes_over_a_file_that_is_broken(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    archive.save(make_data())
    (tmp_path / "20261122T090000Z.json").write_text('{"version": 99}')

    assert [head.run_id for head in archive.heads(10)] == [RUN_ID]
    assert archive.newest() == RUN_ID
    assert "version 99" in archive.problems[0]
    with pytest.raises(BatchctlError, match=r"20261122T090000Z\.json cannot be read .* remove it"):
        archive.load("20261122T090000Z")


@pytest.mark.parametrize("run_id", ["../../etc/passwd", "", "x"])
def test_archive_has_no_run_of_another_name(tmp_path: Path, run_id: str) -> None:
    with pytest.raises(RunNotFoundError):
        Archive(tmp_path).load(run_id)


def test_archive_says_how_to_make_a_run_when_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(NoRunsError, match=r"no runs on this machine yet .*`make run`"):
        Archive(tmp_path / "absent").newest()


def test_archive_gives_back_objects_and_none_where_they_are_broken(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    archive.save_objects(RUN_ID, {"runs/x/chunks/00000.json": b"{}"})
    (tmp_path / "other.objects.zip").write_bytes(b"PK")

    assert archive.objects(RUN_ID) == {"runs/x/chunks/00000.json": b"{}"}
    assert archive.objects("other") == {}
    assert archive.objects("absent") == {}


def test_compare_with_past_counts_runs_in_a_row_and_finds_again(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    for number in (1, 2):
        head = make_head(run_id=f"20261122T08{number}000Z", users_failed=1)
        archive.save(make_data(head=head, failed_users=[failed_user(7)]))
    archive.save(make_data(head=make_head(run_id="20261122T081500Z", tenant_group="other")))
    data = make_data(previous=[], head=make_head(users_failed=2), failed_users=[failed_user(7), failed_user(8)])

    compared = compare_with_past(data, archive)

    assert [head.run_id for head in compared.previous] == ["20261122T082000Z", "20261122T081000Z"]
    assert [user.runs for user in compared.failed_users] == [3, 1]
    assert "in each of the last 3 runs" in compared.findings[0].text
