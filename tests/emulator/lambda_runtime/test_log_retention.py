"""A log without its old lines: what is read, the positions of what is left, and the file."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from emulator.lambda_runtime.logs import FunctionLog

START = 1_800_000_000.0


def run(tmp_path: Path, scenario: Callable[[FunctionLog], None], *, with_file: bool = True) -> None:
    async def start() -> None:
        log = FunctionLog(tmp_path / "sync.log" if with_file else None, name="sync")
        scenario(log)
        log.flush()

    asyncio.run(start())


def write(log: FunctionLog, first: int, end: int) -> None:
    for number in range(first, end):
        log.write("stream", f"line {number}", START + number)


def read(log: FunctionLog, position: int = 0) -> list[str]:
    return [line.split(b" ", 2)[2].decode() for _, _, line in log.stored().since(position)]


def files(tmp_path: Path) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in tmp_path.iterdir()}


@pytest.mark.parametrize("with_file", [True, False])
def test_lines_are_left_out_when_they_are_older(tmp_path: Path, *, with_file: bool) -> None:
    def scenario(log: FunctionLog) -> None:
        write(log, 0, 10)
        log.drop_before(START + 3)
        assert read(log) == [f"line {number}" for number in range(3, 10)]
        assert log.drop_before(START + 3) == 0
        log.drop_before(START + 99)
        assert read(log) == []
        write(log, 10, 12)
        assert read(log) == ["line 10", "line 11"]

    run(tmp_path, scenario, with_file=with_file)


def test_positions_stay_what_they_are_when_the_file_is_written_anew(tmp_path: Path) -> None:
    def scenario(log: FunctionLog) -> None:
        write(log, 0, 10)
        places = [place for place, _, _ in log.stored().since(0)]
        log.drop_before(START + 8)
        write(log, 10, 11)
        assert [place for place, _, _ in log.stored().since(0)][:2] == places[8:]
        assert read(log, places[9]) == ["line 9", "line 10"]

    run(tmp_path, scenario)


def test_reader_goes_on_where_it_was_when_the_file_is_written_anew(tmp_path: Path) -> None:
    def scenario(log: FunctionLog) -> None:
        write(log, 0, 10)
        before = log.stored()
        log.drop_before(START + 8)
        assert [line[-6:] for _, _, line in before.since(0)] == [b"line %d" % number for number in range(10)]

    run(tmp_path, scenario)


def test_disk_is_freed_when_much_is_old_and_files_do_not_add_up(tmp_path: Path) -> None:
    sizes = []

    def scenario(log: FunctionLog) -> None:
        for day in range(40):
            write(log, day * 100, day * 100 + 100)
            log.drop_before(START + (day - 2) * 100)
            log.flush()
            sizes.append(sum(files(tmp_path).values()))

    run(tmp_path, scenario)
    # Three days of lines, of which a quarter may be old, and the file before the last time.
    assert max(sizes) < 9 * sizes[0]
    assert max(sizes[20:]) <= max(sizes[:20])
    assert len(files(tmp_path)) <= 2


def test_disk_of_a_deleted_log_group_is_freed(tmp_path: Path) -> None:
    def scenario(log: FunctionLog) -> None:
        write(log, 0, 100)
        log.forget()
        write(log, 100, 101)
        log.drop_before(START)
        log.drop_before(START)
        assert read(log) == ["line 100"]
        assert sum(files(tmp_path).values()) < 100

    run(tmp_path, scenario)
