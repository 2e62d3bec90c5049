"""The runtime directory: installed once, compiled, and a clear error when it cannot be had."""

from pathlib import Path

import pytest

from emulator.lambda_runtime import RuntimeInstallError, prepare_runtime
from emulator.lambda_runtime.runtime_files import name_runtime_directory


def test_prepare_runtime_installs_nothing_when_directory_is_there(tmp_path: Path) -> None:
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("this would not install")
    ready = name_runtime_directory(tmp_path / "cache", requirements)
    ready.mkdir(parents=True)
    assert prepare_runtime(tmp_path / "cache", requirements) == ready
    requirements.write_text("nor would this")
    assert name_runtime_directory(tmp_path / "cache", requirements) != ready


def test_prepare_runtime_names_the_command_when_installation_fails(tmp_path: Path) -> None:
    requirements = tmp_path / "requirements.txt"
    requirements.write_text(f"{tmp_path}/no-such-package.whl\n")
    with pytest.raises(RuntimeInstallError, match=r"requirements.txt could not be installed .* --require-hashes"):
        prepare_runtime(tmp_path / "cache", requirements)
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["runtime.lock"]


def test_runtime_is_compiled(runtime_dir: Path) -> None:
    client = runtime_dir / "awslambdaric"
    assert len(list((client / "__pycache__").glob("bootstrap.*.pyc"))) == 1
