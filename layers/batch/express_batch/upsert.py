"""The upsert of a job's rows: sorted, one a key, guarded by a version, bad rows isolated."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from express_batch.database import RowRefusedError, TableMismatchError, Transaction
from express_batch.job_contract import Table, Value

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
VERSION_COLUMN = "answer_version"


@dataclass(frozen=True)
class VersionedRow:
    """A row with the version that guards it."""

    values: tuple[Value, ...]  # of the statement's columns
    version: int


def build_upsert(table: Table, columns: Sequence[str]) -> str:
    """INSERT ... ON DUPLICATE KEY UPDATE for `columns`, then `answer_version`; the newer answer stays.

    Assignments run from left to right, so the version, which the others look at, comes last. VALUES() rather than
    a row alias: MariaDB has no alias, and MySQL 8 still takes VALUES().
    Raises ValueError for a name that is no plain identifier or a column that the table's job does not declare.
    """
    unknown = [column for column in columns if column not in table.columns]
    if unknown or not set(table.key) <= set(columns) or len(set(columns)) != len(columns):
        # Cut: it goes into the failure record of each row, and who writes to the stream chooses the names.
        raise ValueError(f"columns {', '.join(columns)[:200]} are not those of the job's table {table.name}")
    names = [quote_name(column) for column in columns]
    version = quote_name(VERSION_COLUMN)
    updates = [
        f"{name} = IF(VALUES({version}) >= {version}, VALUES({name}), {name})"
        for column, name in zip(columns, names, strict=True)
        if column not in table.key
    ]
    updates.append(f"{version} = GREATEST({version}, VALUES({version}))")
    # Names are checked identifiers, values travel as parameters.
    return (
        f"INSERT INTO {quote_name(table.name)} ({', '.join([*names, version])})"  # noqa: S608
        f" VALUES ({', '.join(['%s'] * (len(names) + 1))})"
        f" ON DUPLICATE KEY UPDATE {', '.join(updates)}"
    )


def quote_name(name: str) -> str:
    """The identifier in backticks. Raises ValueError for anything but letters, digits and underscores."""
    if not _IDENTIFIER.fullmatch(name):
        raise ValueError(f"{name!r} is no plain SQL name")
    return f"`{name}`"


def newest_by_key(rows: Sequence[VersionedRow], key_positions: Sequence[int]) -> list[VersionedRow]:
    """One row for each key, the one with the highest version, sorted by key.

    The same order in every transaction keeps concurrent writers from dead-locking on each other's rows.
    """
    newest: dict[tuple[Any, ...], VersionedRow] = {}
    for row in rows:
        key = tuple(row.values[position] for position in key_positions)
        held = newest.get(key)
        if held is None or row.version >= held.version:
            newest[key] = row
    return [newest[key] for key in sorted(newest, key=lambda key: tuple((type(part).__name__, part) for part in key))]


def upsert_rows(tx: Transaction, statement: str, rows: Sequence[VersionedRow]) -> dict[int, Exception]:
    """Writes all rows that the table takes; for the others {index in rows: RowRefusedError or TableMismatchError}.

    A refused group is halved until the bad rows stand alone, so one costs about 2 log2(rows) statements.
    """
    refused: dict[int, Exception] = {}
    parameters = [(*row.values, row.version) for row in rows]

    def write_group(start: int, end: int) -> None:
        try:
            tx.attempt(_writing(tx, statement, parameters[start:end]))
        except TableMismatchError as error:
            refused.update(dict.fromkeys(range(start, end), error))
        except RowRefusedError as error:
            if end - start == 1:
                refused[start] = error
                return
            middle = (start + end) // 2
            write_group(start, middle)
            write_group(middle, end)

    if parameters:
        write_group(0, len(parameters))
    return refused


def _writing(tx: Transaction, statement: str, parameters: Sequence[tuple[Any, ...]]) -> Callable[[], None]:
    return lambda: tx.execute_many(statement, parameters)
