"""The zip of a folder depends on its files alone."""

import io
import os
import zipfile
from pathlib import Path

import pytest

from emulator.stack import ArtifactError
from emulator.stack.artifacts import Artifact, hash_files, list_files, read_function_code, zip_folder, zip_source


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A function's folder with what tools leave beside it."""
    root = tmp_path / "code"
    for name in ("app.py", "data/table.csv", "__pycache__/app.cpython-311.pyc", ".mypy_cache/x.json", "bin/run"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    (root / "bin/run").chmod(0o755)
    return root


def test_zip_folder_gives_the_same_bytes_when_only_times_differ(folder: Path) -> None:
    before = zip_folder(folder)
    os.utime(folder / "app.py", (1, 1))

    assert zip_folder(folder) == before


def test_zip_folder_holds_sources_and_keeps_what_is_executable_when_tools_left_caches(folder: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(zip_folder(folder))) as archive:
        modes = {entry.filename: entry.external_attr >> 16 for entry in archive.infolist()}

    assert modes == {"app.py": 0o644, "bin/run": 0o755, "data/table.csv": 0o644}


@pytest.mark.parametrize("change", ["content", "name", "mode"])
def test_hash_files_changes_when_a_file_changes(folder: Path, change: str) -> None:
    before = hash_files(folder)
    if change == "content":
        (folder / "app.py").write_text("other")
    elif change == "name":
        (folder / "app.py").rename(folder / "main.py")
    else:
        (folder / "app.py").chmod(0o755)

    assert hash_files(folder) != before


def test_hash_files_stays_when_a_tool_leaves_a_cache(folder: Path) -> None:
    before = hash_files(folder)
    (folder / "data/__pycache__").mkdir()
    (folder / "data/__pycache__/x.pyc").write_text("x")

    assert hash_files(folder) == before
    assert [path.name for path in list_files(folder)] == ["app.py", "run", "table.csv"]


def test_read_function_code_gives_the_file_when_the_template_names_a_zip(tmp_path: Path) -> None:
    (tmp_path / "code.zip").write_bytes(zip_source("index.py", "x = 1"))

    assert read_function_code(Artifact("Job", "function", tmp_path / "code.zip")) == zip_source("index.py", "x = 1")


def test_read_function_code_names_the_remedy_when_the_function_has_libraries_of_its_own(folder: Path) -> None:
    (folder / "requirements.txt").write_text("boto3")

    with pytest.raises(ArtifactError, match=r"Job: .* has a requirements.txt; run `sam build`"):
        read_function_code(Artifact("Job", "function", folder))


def test_read_function_code_takes_the_folder_when_sam_build_made_it(tmp_path: Path) -> None:
    built = tmp_path / ".aws-sam/build/Job"
    built.mkdir(parents=True)
    (built / "requirements.txt").write_text("boto3")

    assert read_function_code(Artifact("Job", "function", built)) == zip_folder(built)
