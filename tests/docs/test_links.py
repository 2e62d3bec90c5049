"""Whatever a page, a comment or a message points to among the docs is there."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("requirements/*.md")]
_FENCE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
# docs/adr/0014 stands for the decision of that number.
_NAME = re.compile(r"(?<![\w/.-])docs/(?:[a-z-]+/)*[\w-]+(?:\.(?:md|png|svg))?(?![\w/-])")


def read_texts() -> Iterator[tuple[Path, str]]:
    """Every file of the tree that is text."""
    files = [path for path in ROOT.iterdir() if path.is_file()]
    for folder in (path for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")):
        files += [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    for path in sorted(files):
        try:
            yield path.relative_to(ROOT), path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # a picture


def anchors_of(page: Path) -> set[str]:
    """As GitHub makes them out of the headings."""
    headings = _HEADING.findall(_FENCE.sub("", page.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


def is_there(page: Path, link: str) -> bool:
    name, _, anchor = link.partition("#")
    target = page.parent / name if name else page
    return target.exists() and (not anchor or anchor in anchors_of(target))


def test_every_relative_link_leads_somewhere() -> None:
    links = [
        (page, link)
        for page in PAGES
        for link in _LINK.findall(_FENCE.sub("", page.read_text(encoding="utf-8")))
        if not re.match(r"[a-z]+:", link)
    ]

    assert len(links) > 100
    assert [f"{page.relative_to(ROOT)}: {link}" for page, link in links if not is_there(page, link)] == []


def test_every_page_that_is_named_exists() -> None:
    names = [(path, name) for path, text in read_texts() for name in _NAME.findall(text)]

    assert len(names) > 100
    lost = [(path, name) for path, name in names if not (ROOT / name).exists() and not list(ROOT.glob(f"{name}-*.md"))]
    assert [f"{path}: {name}" for path, name in lost] == []
