"""Whether a step can run while the release before it still does: expand first, contract in a later release.

A statement that only adds (a table, a nullable column or one with a default, an index, rows) is taken. Any other needs
a line that names the release since which no code depends on what goes away:

    -- contract: 1.4.0 no longer reads loyalty_points.tier
"""

import re
from collections.abc import Iterable, Iterator

from batchctl.migrate.errors import StepFileError
from batchctl.migrate.steps import Step

_CONTRACT = re.compile(r"^contract:\s*\d+\.\d+\.\d+\s+\S.{9,}$", re.MULTILINE)
_NO_CODE = re.compile(
    r"(?P<literal>'(?:[^'\\]|\\.|'')*'|\"(?:[^\"\\]|\\.|\"\")*\"|`[^`]*`)|--[^\n]*|#[^\n]*|/\*.*?\*/", re.DOTALL
)
_ADDS = re.compile(r"(CREATE TABLE|CREATE( FULLTEXT| SPATIAL)? INDEX|INSERT( IGNORE)? INTO|UPDATE) .*", re.IGNORECASE)
_ALTER = re.compile(r"ALTER TABLE \S+ (?P<actions>.+)", re.IGNORECASE)
_HARMLESS_ACTION = re.compile(r"(ALGORITHM|LOCK) ?=? ?\w+|ADD( FULLTEXT| SPATIAL)? (INDEX|KEY) .*", re.IGNORECASE)
_ADD_COLUMN = re.compile(r"ADD( COLUMN)?( IF NOT EXISTS)? (?P<column>[\w`]+) (?P<definition>.+)", re.IGNORECASE)
_NOT_COLUMNS = frozenset({"UNIQUE", "PRIMARY", "CONSTRAINT", "FOREIGN", "CHECK", "PARTITION"})
_RESTRICTS = re.compile(r"\b(UNIQUE|PRIMARY|REFERENCES|CHECK)\b", re.IGNORECASE)


def check_compatibility(steps: Iterable[Step]) -> None:
    """Return when each step only adds or says which release let go. Raises StepFileError that names the others."""
    problems = [problem for step in steps if (problem := find_incompatibility(step))]
    if problems:
        raise StepFileError("; ".join(problems))


def find_incompatibility(step: Step) -> str | None:
    """What the release that still runs could not bear, with the remedy, or None."""
    if _CONTRACT.search(step.comment):
        return None
    statement = _simplify(step.statement)
    if _ADDS.fullmatch(statement):
        return None
    alter = _ALTER.fullmatch(statement)
    actions = list(_split_actions(alter["actions"])) if alter else [statement]
    for action in actions:
        if problem := _find_action_problem(action):
            return (
                f"{step.path.name}: {problem}, which the release that still runs may not bear: add instead and remove "
                "in a later release, with the line '-- contract: <release> <what it no longer uses>' on top"
            )
    return None


def _find_action_problem(action: str) -> str | None:
    if _HARMLESS_ACTION.fullmatch(action):
        return None
    words = " ".join(action.split()[:3])
    column = _ADD_COLUMN.fullmatch(action)
    if column is None or column["column"].upper() in _NOT_COLUMNS:
        return f"'{words}' is more than an addition"
    definition = column["definition"].upper()
    if "NOT NULL" in definition and not re.search(r"\b(DEFAULT|AUTO_INCREMENT|GENERATED|AS)\b", definition):
        return f"'{words}' is NOT NULL without a DEFAULT"
    if _RESTRICTS.search(definition):
        return f"'{words}' restricts the rows"
    return None


def _simplify(statement: str) -> str:
    """One line without comments; a literal or quoted name is a word, so that nothing inside it counts."""
    text = _NO_CODE.sub(lambda found: "quoted" if found["literal"] else " ", statement)
    return " ".join(text.split())


def _split_actions(actions: str) -> Iterator[str]:
    """The actions of an ALTER TABLE, divided at the commas outside brackets."""
    depth, start = 0, 0
    for position, character in enumerate(actions):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and depth == 0:
            yield actions[start:position].strip()
            start = position + 1
    yield actions[start:].strip()
