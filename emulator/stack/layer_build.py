"""Built layers, made as `sam build` makes them and kept under a digest of their sources."""

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from emulator.stack.artifacts import Artifact, hash_files, list_files, zip_folder
from emulator.stack.errors import ArtifactError

_ARCHITECTURES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}
_LAST_LINES = 5


def build_environment() -> dict[str, str]:
    """What a layer's Makefile learns of the machine that will run it: this one."""
    machine = platform.machine().lower()
    if machine not in _ARCHITECTURES:
        raise ArtifactError(f"layers can be built for x86_64 and arm64; this machine is {machine}")
    return {
        "LAMBDA_PYTHON_VERSION": f"{sys.version_info.major}.{sys.version_info.minor}",
        "LAMBDA_ARCHITECTURE": _ARCHITECTURES[machine],
    }


def read_layer(artifact: Artifact, cache_dir: Path, environment: Mapping[str, str] | None = None) -> bytes:
    """Zip of the layer, built first where it is a source folder and not in the cache yet.

    Raises ArtifactError with the last lines that the build wrote.
    """
    if artifact.path.is_file():
        return artifact.path.read_bytes()
    if not artifact.needs_build:
        return zip_folder(artifact.path)
    variables = dict(environment if environment is not None else build_environment())
    # Absolute: make runs in another directory, and would take a relative ARTIFACTS_DIR to be in there.
    cached = layer_cache_path(artifact, cache_dir.resolve(), variables)
    if not cached.is_file():
        _build(artifact, cached, variables)
    return cached.read_bytes()


def layer_cache_path(artifact: Artifact, cache_dir: Path, environment: Mapping[str, str]) -> Path:
    """Where the layer's zip is kept, built from these sources for such a machine."""
    key = "-".join([artifact.logical_id, hash_files(artifact.path)[:20], *sorted(environment.values())])
    return cache_dir / f"{key}.zip"


def _build(artifact: Artifact, target: Path, variables: Mapping[str, str]) -> None:
    """Writes the layer's zip to `target` in one step, so that two stacks that build at once do not meet."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".build-") as folder:
        source, built = Path(folder, "source"), Path(folder, "built")
        built.mkdir()
        # sam build works on a copy too: what needs a file outside the folder would fail there, so it fails here.
        for file in list_files(artifact.path):
            copy = source / file.relative_to(artifact.path)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, copy)
        if artifact.build_method == "makefile":
            _run_make(artifact, source, built, variables)
        else:
            _copy_package(artifact, source, built)
        content = zip_folder(built)
        part = Path(folder, "layer.zip")
        part.write_bytes(content)
        part.replace(target)


def _run_make(artifact: Artifact, source: Path, built: Path, variables: Mapping[str, str]) -> None:
    # `python3` in a Makefile means the Python that runs this, which has pip; a bare Debian python3 has none.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    command = ["make", "-C", str(source), f"build-{artifact.logical_id}", f"ARTIFACTS_DIR={built}"]
    environment = {**os.environ, **variables, "PATH": path, "ARTIFACTS_DIR": str(built)}
    environment.pop("MAKEFLAGS", None)  # those of a `make` around this one
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise ArtifactError(f"{artifact.logical_id}: `make` is missing; install it (apt-get install make)") from error
    if done.returncode != 0:
        said = " | ".join((done.stderr or done.stdout).strip().splitlines()[-_LAST_LINES:])
        raise ArtifactError(
            f"{artifact.logical_id}: `make build-{artifact.logical_id}` in {artifact.path} failed: {said}"
        )
    if not any(built.iterdir()):
        raise ArtifactError(f"{artifact.logical_id}: `make build-{artifact.logical_id}` wrote nothing to ARTIFACTS_DIR")


def _copy_package(artifact: Artifact, source: Path, built: Path) -> None:
    if not str(artifact.build_method).startswith("python3."):
        raise ArtifactError(
            f"{artifact.logical_id}: BuildMethod {artifact.build_method} is not emulated: use makefile or python3.x"
        )
    if (source / "requirements.txt").is_file():
        raise ArtifactError(
            f"{artifact.logical_id}: BuildMethod {artifact.build_method} with a requirements.txt is not emulated: "
            "use BuildMethod makefile, or load what `sam build` made"
        )
    shutil.copytree(source, built / "python")
