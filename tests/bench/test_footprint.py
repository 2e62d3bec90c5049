"""Weights of functions and layers."""

import sys
import zipfile
from pathlib import Path

import pytest

from bench.footprint import FootprintError, find_packages, list_files, measure_import, measure_zip


def test_footprint_imports_with_the_layers_and_leaves_caches_out(tmp_path: Path) -> None:
    # GIVEN a function that imports from a layer, and a cache beside it
    function, layer = tmp_path / "function", tmp_path / "layer"
    (function / "__pycache__").mkdir(parents=True)
    (function / "__pycache__" / "app.pyc").write_bytes(b"x" * 100_000)
    (function / "app.py").write_text("import platform_part\n")
    (layer / "python").mkdir(parents=True)
    (layer / "python" / "platform_part.py").write_text("sum(range(1000))\n")
    # WHEN measured / THEN it imports, and the cache weighs nothing
    with zipfile.ZipFile(tmp_path / "layer.zip", "w") as archive:
        archive.write(layer / "python" / "platform_part.py", "python/platform_part.py")
    assert (find_packages(tmp_path / "layer.zip", tmp_path / "scratch") / "platform_part.py").is_file()
    seconds = measure_import(function, "app", [find_packages(layer, tmp_path)], runs=1, python=sys.executable)
    assert 0 <= seconds < 10
    assert [path.name for path in list_files(function)] == ["app.py"]
    assert measure_zip(function) < 1000


def test_measure_import_names_the_folder_when_it_cannot_be_imported(tmp_path: Path) -> None:
    # GIVEN a function whose layer is missing / WHEN measured / THEN the error names both
    (tmp_path / "app.py").write_text("import platform_part\n")
    with pytest.raises(FootprintError, match=f"{tmp_path.name}.*platform_part"):
        measure_import(tmp_path, "app", [], runs=1, python=sys.executable)
