"""Deployment packages: a zip's bytes to a directory, once for each content."""

import base64
import contextlib
import hashlib
import io
import shutil
import stat
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from emulator.errors import AwsError
from emulator.lambda_runtime.limits import UNZIPPED_BYTES, ZIPPED_UPLOAD_BYTES

SCRATCH = "unpack-"  # what directories that are not complete begin with
UNZIP_ERROR = "Could not unzip uploaded file. Please check your file, then try to upload again."


@dataclass(frozen=True, slots=True)
class Package:
    """An unpacked deployment package."""

    directory: Path
    sha256: str  # base64, as CodeSha256
    size: int  # bytes of the zip


def check_upload_size(data: bytes) -> None:
    """Refuse a zip that is too large to be sent in the request itself."""
    if len(data) > ZIPPED_UPLOAD_BYTES:
        raise AwsError(
            "RequestEntityTooLargeException",
            f"Request must be smaller than {ZIPPED_UPLOAD_BYTES} bytes for the zip file; use S3Bucket and S3Key.",
            413,
        )


def unpack(data: bytes, directory: Path) -> Package:
    """The package of these bytes, unpacked below `directory` under its digest; nothing is written outside of it."""
    digest = hashlib.sha256(data).digest()
    target = directory / digest.hex()[:32]
    package = Package(target, base64.b64encode(digest).decode(), len(data))
    if target.is_dir():
        return package
    directory.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=SCRATCH, dir=directory))
    try:
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                _check_members(archive)
                for member in archive.infolist():
                    _extract(archive, member, scratch)
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
            raise AwsError("InvalidParameterValueException", UNZIP_ERROR) from error
        scratch.chmod(0o755)
        with contextlib.suppress(FileExistsError):
            scratch.rename(target)
    finally:
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(scratch)
    return package


def _check_members(archive: zipfile.ZipFile) -> None:
    unzipped = 0
    for member in archive.infolist():
        path = PurePosixPath(member.filename)
        if path.is_absolute() or ".." in path.parts or "\\" in member.filename:
            raise AwsError(
                "InvalidParameterValueException",
                f"{UNZIP_ERROR} Its entry {member.filename!r} lies outside of the package.",
            )
        unzipped += member.file_size
    if unzipped >= UNZIPPED_BYTES:
        raise AwsError("InvalidParameterValueException", f"Unzipped size must be smaller than {UNZIPPED_BYTES} bytes")


def _extract(archive: zipfile.ZipFile, member: zipfile.ZipInfo, directory: Path) -> None:
    target = directory / member.filename
    mode = member.external_attr >> 16
    if member.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if stat.S_ISLNK(mode):
        _extract_link(archive.read(member).decode(), target, directory)
        return
    if not target.parent.resolve().is_relative_to(directory.resolve()):
        raise AwsError("InvalidParameterValueException", f"{UNZIP_ERROR} {member.filename!r} leads out of the package.")
    with archive.open(member) as source, target.open("wb") as sink:
        shutil.copyfileobj(source, sink)
    target.chmod(0o755 if mode & 0o111 else 0o644)


def _extract_link(destination: str, target: Path, directory: Path) -> None:
    if PurePosixPath(destination).is_absolute() or not (target.parent / destination).resolve().is_relative_to(
        directory.resolve()
    ):
        raise AwsError(
            "InvalidParameterValueException", f"{UNZIP_ERROR} A link in it leads to {destination!r}, outside of it."
        )
    target.symlink_to(destination)
