"""Values reach the database as parameters alone: no statement is made of anything but what stands in the code."""

import ast
from pathlib import Path

import pytest

from tests.security.sql_statements import find_impurity, find_sent, list_files
from tests.template.project_template import ROOT

_SENT, _HANDED_ON = find_sent(list_files())


def test_statements_are_made_of_literals_constants_and_checked_names() -> None:
    impure = [f"{item}: {found}" for item in _SENT if (found := find_impurity(item, _HANDED_ON))]

    assert impure == []


def test_every_way_to_the_database_is_looked_at() -> None:
    """Each module that imports PyMySQL or takes a Transaction is among those in which a statement was found."""
    reading = {item.file for item in _SENT}
    touching = {
        str(path.relative_to(ROOT))
        for path in list_files()
        if any(name in path.read_text(encoding="utf-8") for name in ("cursor()", "tx.execute", "tx.query"))
    }

    assert touching <= reading
    assert {"stream_users", "upsert_rows", "_guarded_execute"} <= set(_HANDED_ON)
    assert len(_SENT) > 35


def find_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> list[str]:
    """What is found in a module of this code."""
    path = tmp_path / "module.py"
    path.write_text(code)
    monkeypatch.setattr("tests.security.sql_statements.ROOT", tmp_path)
    sent, handed_on = find_sent([path])
    return [found for item in sent if (found := find_impurity(item, handed_on))]


@pytest.mark.parametrize(
    "statement",
    [
        "f\"SELECT 1 FROM users WHERE user_id = '{user}'\"",
        "\"SELECT 1 FROM users WHERE user_id = '%s'\" % user",
        "'SELECT 1 FROM users WHERE user_id = {}'.format(user)",
        "'SELECT 1 WHERE 1 = ' + user",
        "' '.join(['SELECT', user])",
        "settings.statement",
        "user",
    ],
)
def test_statement_is_found_when_a_value_is_written_into_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, statement: str
) -> None:
    """In place, by a variable, and through a function that hands it on."""
    value = "user = event['user_id']"
    direct = f"def work(cursor, event):\n    {value}\n    cursor.execute({statement})\n"
    later = f"def work(tx, event):\n    {value}\n    text = {statement}\n    tx.query(text, ())\n"
    handed = f"def run(tx, text):\n    tx.execute(text)\ndef work(tx, event):\n    {value}\n    run(tx, {statement})\n"

    for code in (direct, later, handed):
        ast.parse(code)
        assert len(find_in(tmp_path, monkeypatch, code)) == 1, code


def test_statement_passes_when_its_values_are_parameters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = (
        "TABLE = 'users'\n"
        "def run(tx, text, values):\n    tx.execute(text, values)\n"
        "def work(tx, user, table):\n"
        "    run(tx, f'SELECT 1 FROM {TABLE} WHERE user_id = %s', (user,))\n"
        "    run(tx, f'SELECT 1 FROM {quote_name(table)} WHERE user_id = %s', (user,))\n"
    )

    assert find_in(tmp_path, monkeypatch, code) == []
