"""Tables."""

import json
from pathlib import Path

from bench.measure import Turn
from bench.report import format_table, summarise, write_report


def make_turn(contender: str, seconds: float) -> Turn:
    return Turn(contender, 100, seconds, 100 / seconds, 1.0, 2.0, 0.1, 0.2, 50.0, 100, 10, 0.02)


TURNS = [
    make_turn("celery", 10),
    make_turn("bare_asyncio", 1),
    make_turn("bare_asyncio", 3),
    make_turn("bare_asyncio", 2),
]


def test_summarise_gives_medians_the_fastest_first() -> None:
    # GIVEN three turns of one and one of another / WHEN summarised / THEN medians, sorted by users a second
    medians = summarise(TURNS)
    assert list(medians) == ["bare_asyncio", "celery"]
    assert medians["bare_asyncio"]["seconds"] == 2


def test_format_table_aligns_its_columns() -> None:
    # GIVEN turns / WHEN printed / THEN a head and a line each, of one width
    lines = format_table(TURNS).splitlines()
    assert [line.split("  ")[0] for line in lines] == ["", "bare asyncio script", "Celery, Redis, gevent"]
    assert len({len(line) for line in lines}) == 1


def test_write_report_writes_json_and_a_markdown_table(tmp_path: Path) -> None:
    # GIVEN turns / WHEN written / THEN both files say the same figures, the command and the machine
    write_report(tmp_path, TURNS, {"command": "bench", "processor": "X"}, 100)
    document = json.loads((tmp_path / "bench.json").read_text())
    assert document["medians"]["celery"]["seconds"] == 10
    page = (tmp_path / "bench.md").read_text()
    assert "| bare asyncio script | 100 | 2.00 | 50 |" in page
    assert "| processor | X |" in page
