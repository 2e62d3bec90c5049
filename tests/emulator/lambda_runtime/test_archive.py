"""Deployment packages, well-formed and hostile."""

import io
import stat
import zipfile
from pathlib import Path

import pytest

from emulator.errors import AwsError
from emulator.lambda_runtime.archive import unpack
from tests.emulator.lambda_runtime.harness import make_zip


@pytest.mark.parametrize("name", ["../outside.py", "package/../../outside.py", "/outside.py", "..\\outside.py"])
def test_unpack_refuses_when_entry_lies_outside(tmp_path: Path, name: str) -> None:
    with pytest.raises(AwsError, match=r"Could not unzip uploaded file.*lies outside"):
        unpack(make_zip({"app.py": "", name: "owned"}), tmp_path / "packages")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_unpack_refuses_when_link_leads_outside(tmp_path: Path) -> None:
    for destination in ("/etc", "../.."):
        with pytest.raises(AwsError, match="outside of it"):
            unpack(make_zip_with_link("link", destination), tmp_path / "packages")


def test_unpack_keeps_links_and_modes_when_they_stay_inside(tmp_path: Path) -> None:
    buffer = io.BytesIO(make_zip_with_link("bin/tool", "real"))
    with zipfile.ZipFile(buffer, "a") as archive:
        tool = zipfile.ZipInfo("bin/real")
        tool.external_attr = (stat.S_IFREG | 0o755) << 16
        archive.writestr(tool, "#!/bin/sh\n")
    package = unpack(buffer.getvalue(), tmp_path)
    assert (package.directory / "bin" / "tool").read_text() == "#!/bin/sh\n"
    assert (package.directory / "bin" / "real").stat().st_mode & 0o111


@pytest.mark.parametrize("data", [b"no zip at all", b""])
def test_unpack_refuses_when_bytes_are_no_zip(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(AwsError, match="Could not unzip uploaded file"):
        unpack(data, tmp_path)


def test_unpack_refuses_when_content_is_larger_than_250_mb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emulator.lambda_runtime.archive.UNZIPPED_BYTES", 1000)
    with pytest.raises(AwsError, match="Unzipped size must be smaller than"):
        unpack(make_zip({"app.py": "x" * 1000}), tmp_path)


def test_unpack_gives_the_same_directory_when_bytes_are_the_same(tmp_path: Path) -> None:
    data = make_zip({"app.py": "pass"})
    assert unpack(data, tmp_path) == unpack(data, tmp_path)
    assert len(list(tmp_path.iterdir())) == 1


def make_zip_with_link(name: str, destination: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        link = zipfile.ZipInfo(name)
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, destination)
    return buffer.getvalue()
