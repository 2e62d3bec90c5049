"""Who may know whom: the platform no job, logic no adapter, what is deployed nothing of what runs it here."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BATCH = ROOT / "layers" / "batch"
OURS = ("express_batch", "job", "batchctl", "emulator", "chaos", "bench", "tests")
# A schema's steps are applied by batchctl's own modules, which the layer SchemaSteps carries (docs/adr/0008).
ALLOWED = {
    BATCH: {"express_batch"},
    ROOT / "layers" / "job": {"job", "express_batch"},
    ROOT / "functions": {"express_batch", "job"},
    ROOT / "functions" / "migrate_schema": {"express_batch", "batchctl"},
    ROOT / "emulator": {"emulator"},
    ROOT / "batchctl": {"batchctl", "emulator", "express_batch"},
    ROOT / "chaos": {"chaos", "batchctl", "emulator", "express_batch"},
    ROOT / "bench": {"bench", "batchctl", "emulator", "express_batch", "job"},
}


def imports_of(folder: Path) -> Iterator[tuple[Path, str]]:
    """Each module that a file below the folder imports, wherever in the file that stands."""
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield path, node.module
            elif isinstance(node, ast.Import):
                yield from ((path, alias.name) for alias in node.names)


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("folder", ALLOWED, ids=name)
def test_folder_imports_only_what_it_may_know(folder: Path) -> None:
    inner = [each for each in ALLOWED if folder in each.parents]
    found = [
        f"{name(path)}: {module}"
        for path, module in imports_of(folder)
        if not any(each in path.parents for each in inner)
        if module.partition(".")[0] in set(OURS) - ALLOWED[folder]
    ]

    assert found == []


def test_logic_imports_neither_adapters_nor_what_they_are_made_with() -> None:
    package = BATCH / "express_batch"
    outside = ("express_batch.adapters", "boto3", "botocore", "aiohttp", "pymysql", "urllib3")
    found = [
        f"{name(path)}: {module}"
        for path, module in imports_of(package)
        if package / "adapters" not in path.parents
        if any(module == each or module.startswith(f"{each}.") for each in outside)
    ]

    assert found == []


def test_folders_of_batchctl_import_each_other_in_no_circle() -> None:
    known: dict[str, set[str]] = {}
    for path, module in imports_of(ROOT / "batchctl"):
        folder, target = path.relative_to(ROOT / "batchctl").parts[0], module.split(".")
        if target[0] == "batchctl" and len(target) > 2 and target[1] != folder:  # what lies at the top knows no folder
            known.setdefault(folder, set()).add(target[1])

    while leaves := {target for targets in known.values() for target in targets} - set(known):
        known = {folder: targets - leaves for folder, targets in known.items()}
        known = {folder: targets for folder, targets in known.items() if targets}

    assert known == {}
