"""Code of functions and layers: which folder it is in, what is in it, and the zip that Lambda takes."""

import hashlib
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from emulator.stack.errors import ArtifactError

Kind = Literal["function", "layer", "definition"]

# What tools leave behind beside sources; it is no part of the code and would change the digest from run to run.
_LEFT_OUT = frozenset({"__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".DS_Store"})
# The oldest time that a zip can hold: the same files give the same bytes.
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
_READABLE_BY_ALL = 0o644
_RUNNABLE_BY_ALL = 0o755


@dataclass(frozen=True)
class Artifact:
    """A local file or folder that a property of the template names."""

    logical_id: str
    kind: Kind
    path: Path
    build_method: str | None = None

    @property
    def needs_build(self) -> bool:
        """Whether the layer is still a source folder; `sam build` leaves a built one, which has no Makefile."""
        if self.kind != "layer" or self.build_method is None:
            return False
        if self.build_method == "makefile":
            return (self.path / "Makefile").is_file()
        return not (self.path / "python").is_dir()


def list_files(folder: Path) -> Iterator[Path]:
    """Files of the folder in the order of their names, without what tools leave behind."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not _LEFT_OUT.intersection(path.relative_to(folder).parts) and path.suffix != ".pyc":
            yield path


def hash_files(path: Path) -> str:
    """Digest of a file, or of the names, modes and contents of a folder's files."""
    digest = hashlib.sha256()
    for file in [path] if path.is_file() else list_files(path):
        name = file.name if file == path else str(file.relative_to(path))
        digest.update(f"{name}\0{_mode(file)}\0".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def zip_folder(folder: Path, *, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Zip of the folder's files; the same files give the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression, compresslevel=1) as archive:
        for file in list_files(folder):
            _add(archive, str(file.relative_to(folder)), file.read_bytes(), _mode(file))
    return buffer.getvalue()


def zip_source(file_name: str, source: str) -> bytes:
    """Zip of one file, as CloudFormation makes of code that stands in the template."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        _add(archive, file_name, source.encode(), _READABLE_BY_ALL)
    return buffer.getvalue()


def read_function_code(artifact: Artifact) -> bytes:
    """Zip of a function: of its folder, or the zip file that the template names."""
    if artifact.path.is_file():
        return artifact.path.read_bytes()
    if (artifact.path / "requirements.txt").is_file() and not is_sam_build_output(artifact.path):
        raise ArtifactError(
            f"{artifact.logical_id}: {artifact.path} has a requirements.txt; run `sam build` and load "
            ".aws-sam/build/template.yaml, or move the libraries into a layer"
        )
    return zip_folder(artifact.path)


def is_sam_build_output(path: Path) -> bool:
    """Whether the path lies in a folder that `sam build` wrote."""
    return ".aws-sam" in path.parts


def _add(archive: zipfile.ZipFile, name: str, content: bytes, mode: int) -> None:
    entry = zipfile.ZipInfo(name, _ZIP_TIME)
    entry.external_attr = mode << 16
    entry.compress_type = archive.compression
    archive.writestr(entry, content)


def _mode(file: Path) -> int:
    return _RUNNABLE_BY_ALL if file.stat().st_mode & 0o100 else _READABLE_BY_ALL
