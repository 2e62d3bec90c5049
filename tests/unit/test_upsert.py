"""The upsert's statement and the rows that it is given."""

from typing import Any

import pytest
from express_batch.job_contract import Table
from express_batch.upsert import VersionedRow, build_upsert, newest_by_key, quote_name
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.bounds import BOUNDED

POINTS = Table("loyalty_points", key=("user_id",), columns=("user_id", "points", "tier"))


def test_upsert_guards_every_column_by_the_version_and_sets_the_version_last() -> None:
    assert build_upsert(POINTS, POINTS.columns) == (
        "INSERT INTO `loyalty_points` (`user_id`, `points`, `tier`, `answer_version`) VALUES (%s, %s, %s, %s)"
        " ON DUPLICATE KEY UPDATE"
        " `points` = IF(VALUES(`answer_version`) >= `answer_version`, VALUES(`points`), `points`),"
        " `tier` = IF(VALUES(`answer_version`) >= `answer_version`, VALUES(`tier`), `tier`),"
        " `answer_version` = GREATEST(`answer_version`, VALUES(`answer_version`))"
    )


def test_upsert_follows_the_records_columns_when_they_are_fewer_or_in_another_order() -> None:
    statement = build_upsert(POINTS, ("tier", "user_id"))

    assert statement.startswith(
        "INSERT INTO `loyalty_points` (`tier`, `user_id`, `answer_version`) VALUES (%s, %s, %s)"
    )
    assert "points`," not in statement.partition("(")[2]


@pytest.mark.parametrize(
    "columns",
    [
        (),
        ("points", "tier"),  # no key
        ("user_id", "points", "secret"),
        ("user_id", "points", "answer_version"),
        ("user_id", "points", "points"),
        ("user_id`", "points"),
    ],
)
def test_upsert_is_refused_when_the_columns_are_not_those_of_the_job(columns: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="not those of the job's table loyalty_points"):
        build_upsert(POINTS, columns)


@pytest.mark.parametrize("name", ["", "a b", "a`b", "1a", "a.b", "a;--", "ü", "a" * 65, "a\n"])
def test_name_is_refused_when_it_is_no_plain_identifier(name: str) -> None:
    with pytest.raises(ValueError, match="no plain SQL name"):
        quote_name(name)
    with pytest.raises(ValueError, match="no plain SQL name"):
        build_upsert(Table(name, ("k",), ("k",)), ("k",))


@pytest.mark.parametrize(("key", "columns"), [((), ("a",)), (("b",), ("a",)), (("a", "b"), ("a",))])
def test_table_is_refused_when_its_key_is_not_among_its_columns(key: tuple[str, ...], columns: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="must name columns"):
        Table("t", key, columns)


KEY_PARTS: st.SearchStrategy[Any] = st.text(max_size=2) | st.integers(-2, 2) | st.none() | st.booleans()
ROWS = st.lists(st.builds(VersionedRow, st.tuples(KEY_PARTS, KEY_PARTS, st.integers(0, 9)), st.integers(0, 4)))


@BOUNDED
@given(ROWS)
def test_newest_by_key_keeps_one_row_a_key_and_it_is_the_newest(rows: list[VersionedRow]) -> None:
    kept = newest_by_key(rows, (0, 1))

    keys = [row.values[:2] for row in kept]
    assert len(keys) == len(set(keys))
    assert set(keys) == {row.values[:2] for row in rows}
    for row in kept:
        assert row in rows
        assert row.version == max(other.version for other in rows if other.values[:2] == row.values[:2])


@BOUNDED
@given(st.lists(st.tuples(st.text(max_size=3), st.integers(0, 3)), unique=True), st.randoms())
def test_newest_by_key_gives_one_order_whatever_the_deliveries(keys: list[tuple[str, int]], random: Any) -> None:
    """Concurrent writers that lock rows in the same order do not dead-lock on each other."""
    rows = [VersionedRow(key, 1) for key in keys]
    shuffled = list(rows)
    random.shuffle(shuffled)

    assert newest_by_key(shuffled, (0, 1)) == newest_by_key(rows, (0, 1)) == sorted(rows, key=lambda row: row.values)


def test_newest_by_key_keeps_the_later_row_when_versions_are_equal() -> None:
    rows = [VersionedRow(("a", 1), 5), VersionedRow(("a", 2), 5)]

    assert newest_by_key(rows, (0,)) == [rows[1]]
