"""Layers are built by the Makefile target that `sam build` runs, once for each state of their sources.

Source: https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/building-layers.html
"""

import io
import zipfile
from pathlib import Path

import pytest

from emulator.stack import ArtifactError
from emulator.stack.artifacts import Artifact
from emulator.stack.layer_build import build_environment, read_layer

_MACHINE = {"LAMBDA_PYTHON_VERSION": "3.11", "LAMBDA_ARCHITECTURE": "x86_64"}
# Notes each run, outside of what it builds.
_MAKEFILE = """
build-Shared:
\techo run >> {runs}
\tmkdir -p "$(ARTIFACTS_DIR)/python"
\tcp shared.py "$(ARTIFACTS_DIR)/python/"
\techo "$(LAMBDA_PYTHON_VERSION) $(LAMBDA_ARCHITECTURE)" > "$(ARTIFACTS_DIR)/python/machine.txt"
"""


@pytest.fixture
def layer(tmp_path: Path) -> Artifact:
    """A layer whose Makefile notes each run in the file `runs`."""
    folder = tmp_path / "layer"
    folder.mkdir()
    (folder / "Makefile").write_text(_MAKEFILE.format(runs=tmp_path / "runs"))
    (folder / "shared.py").write_text("SHARED = 1\n")
    return Artifact("Shared", "layer", folder, "makefile")


def _files(content: bytes) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def _runs(tmp_path: Path) -> int:
    return len((tmp_path / "runs").read_text().splitlines())


def test_read_layer_gives_what_the_target_made_when_there_is_a_makefile(layer: Artifact, tmp_path: Path) -> None:
    files = _files(read_layer(layer, tmp_path / "cache", _MACHINE))

    assert files == {"python/shared.py": "SHARED = 1\n", "python/machine.txt": "3.11 x86_64\n"}


def test_read_layer_finds_what_was_built_when_the_cache_is_a_relative_path(
    layer: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert "python/shared.py" in _files(read_layer(layer, Path("cache"), _MACHINE))


def test_read_layer_leaves_the_source_folder_alone_when_it_builds(layer: Artifact, tmp_path: Path) -> None:
    read_layer(layer, tmp_path / "cache", _MACHINE)

    assert sorted(path.name for path in layer.path.iterdir()) == ["Makefile", "shared.py"]


def test_read_layer_builds_once_when_nothing_changes(layer: Artifact, tmp_path: Path) -> None:
    first = read_layer(layer, tmp_path / "cache", _MACHINE)

    assert read_layer(layer, tmp_path / "cache", _MACHINE) == first
    assert _runs(tmp_path) == 1
    # Nothing half-made stays behind.
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".zip"]


def test_read_layer_builds_again_when_a_source_changes(layer: Artifact, tmp_path: Path) -> None:
    read_layer(layer, tmp_path / "cache", _MACHINE)
    (layer.path / "shared.py").write_text("SHARED = 2\n")

    assert _files(read_layer(layer, tmp_path / "cache", _MACHINE))["python/shared.py"] == "SHARED = 2\n"


def test_read_layer_builds_again_when_the_machine_is_another(layer: Artifact, tmp_path: Path) -> None:
    read_layer(layer, tmp_path / "cache", _MACHINE)
    read_layer(layer, tmp_path / "cache", {**_MACHINE, "LAMBDA_ARCHITECTURE": "arm64"})

    assert _runs(tmp_path) == 2


@pytest.mark.parametrize(
    ("makefile", "message"),
    [
        ("build-Shared:\n\techo broken >&2; false\n", r"`make build-Shared` in .* failed: broken"),
        ("build-Other:\n\ttrue\n", "No rule to make target 'build-Shared'"),
        ("build-Shared:\n\ttrue\n", "wrote nothing to ARTIFACTS_DIR"),
    ],
)
def test_read_layer_names_layer_and_cause_when_the_build_fails(
    layer: Artifact, tmp_path: Path, makefile: str, message: str
) -> None:
    (layer.path / "Makefile").write_text(makefile)

    with pytest.raises(ArtifactError, match=message):
        read_layer(layer, tmp_path / "cache", _MACHINE)
    assert list((tmp_path / "cache").glob("*")) == []


def test_read_layer_takes_the_folder_when_sam_build_made_it(tmp_path: Path) -> None:
    (tmp_path / "Shared/python").mkdir(parents=True)
    (tmp_path / "Shared/python/shared.py").write_text("built")

    layer = Artifact("Shared", "layer", tmp_path / "Shared", "makefile")

    assert _files(read_layer(layer, tmp_path / "cache", _MACHINE)) == {"python/shared.py": "built"}


def test_read_layer_puts_the_package_under_python_when_the_build_method_is_a_runtime(tmp_path: Path) -> None:
    (tmp_path / "Shared").mkdir()
    (tmp_path / "Shared/shared.py").write_text("plain")

    layer = Artifact("Shared", "layer", tmp_path / "Shared", "python3.11")

    assert _files(read_layer(layer, tmp_path / "cache", _MACHINE)) == {"python/shared.py": "plain"}


@pytest.mark.parametrize(
    ("method", "file", "message"),
    [
        ("nodejs22.x", "index.js", "nodejs22.x is not emulated"),
        ("python3.11", "requirements.txt", "with a req"),
    ],
)
def test_read_layer_refuses_the_build_method_by_name_when_it_is_not_emulated(
    tmp_path: Path, method: str, file: str, message: str
) -> None:
    (tmp_path / "Shared").mkdir()
    (tmp_path / "Shared" / file).write_text("x")

    with pytest.raises(ArtifactError, match=message):
        read_layer(Artifact("Shared", "layer", tmp_path / "Shared", method), tmp_path / "cache", _MACHINE)


def test_build_environment_names_this_machine_when_asked() -> None:
    assert set(build_environment()) == set(_MACHINE)
