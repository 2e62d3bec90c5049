"""docs/reference/threat-model.md claims nothing that no test holds."""

import ast
import re
from functools import cache
from pathlib import Path

from tests.template.project_template import ROOT

_PAGE = ROOT / "docs" / "reference" / "threat-model.md"
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def list_claims(text: str) -> dict[str, list[tuple[str, str]]]:
    """{claim: [(file, test)]} of each table whose columns are `claim` and `held by`."""
    claims: dict[str, list[tuple[str, str]]] = {}
    is_claims = False
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        if not line.startswith("|"):
            is_claims = False
        elif cells == ["claim", "held by"]:
            is_claims = True
        elif is_claims and not set(line) <= set("|- "):
            claims[cells[0]] = _TEST.findall(cells[1]) if len(cells) == 2 else []
    return claims


@cache
def list_tests(path: Path) -> frozenset[str]:
    """The names of the tests in a file; none where there is no such file."""
    if not path.is_file():
        return frozenset()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))


def find_problems(text: str) -> list[str]:
    """Claims without a test, and tests that are not there."""
    claims = list_claims(text)
    unheld = [f"no test: {claim}" for claim, tests in claims.items() if not tests]
    absent = [
        f"{file} has no {test}: {claim}"
        for claim, tests in claims.items()
        for file, test in tests
        if not test.startswith("test_") or test not in list_tests(ROOT / file)
    ]
    return unheld + absent


def test_every_claim_names_a_test_that_exists() -> None:
    text = _PAGE.read_text(encoding="utf-8")

    assert find_problems(text) == []
    assert len(list_claims(text)) > 50


def test_every_section_of_an_actor_says_what_remains() -> None:
    sections = _PAGE.read_text(encoding="utf-8").split("\n## ")

    assert [
        part.splitlines()[0] for part in sections if "| claim | held by |" in part and "\nRemains: " not in part
    ] == []


def test_claim_is_found_when_it_has_no_test_or_one_that_is_gone() -> None:
    table = "| claim | held by |\n| --- | --- |\n"
    own = f"`tests/security/test_threat_model.py::{test_every_claim_names_a_test_that_exists.__name__}`"

    assert find_problems(f"{table}| It holds | {own} |\n") == []
    assert find_problems(f"{table}| It holds | |\n") == ["no test: It holds"]
    assert find_problems(f"{table}| It holds | we looked |\n") == ["no test: It holds"]
    assert len(find_problems(f"{table}| It holds | {own} `tests/security/test_threat_model.py::test_gone` |\n")) == 1
    assert len(find_problems(f"{table}| It holds | `tests/security/gone.py::test_x` |\n")) == 1
    assert len(find_problems(f"{table}| It holds | `tests/security/test_threat_model.py::find_problems` |\n")) == 1
