"""No figure is believed unless every row is the API's last answer."""

from bench.setting import compare_rows
from emulator.partner_api import LastAnswer

ANSWERS = {"u1": LastAnswer(5, "gold", "2026-01-01T00:00:00.000Z", 1)}
ROW = (5, "gold", "2026-01-01T00:00:00.000Z")


def test_compare_rows_is_empty_when_every_row_is_the_last_answer() -> None:
    # GIVEN one user and its row / WHEN compared / THEN nothing differs
    assert compare_rows({"u1": ROW}, ANSWERS, users=1) == []


def test_compare_rows_tells_each_kind_of_difference() -> None:
    # GIVEN a wrong row, a missing row, a row nobody answered, users nobody asked / THEN each is told
    assert compare_rows({"u1": (6, *ROW[1:])}, ANSWERS, users=1)[0].startswith("u1 has (6,")
    assert compare_rows({}, ANSWERS, users=1)[0].startswith("u1 has None")
    assert "never answered" in compare_rows({"u1": ROW, "u2": ROW}, ANSWERS, users=1)[0]
    assert compare_rows({"u1": ROW}, ANSWERS, users=2) == ["1 users were answered, 2 are in the table users"]
