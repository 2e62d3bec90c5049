"""A root file system that does what AWS's base image for Python does, where no container registry is reached.

Debian's Python with awslambdaric and boto3, the versions that the emulator uses too. It keeps the contract of the base
image (/var/runtime/bootstrap, /var/task, /opt); it is no Amazon Linux.
"""

import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

from emulator.lambda_runtime.runtime_files import prepare_runtime

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".local" / "cache"
REQUIREMENTS = ROOT / "requirements" / "runtime.txt"
REPOSITORY = "public.ecr.aws/lambda/python"
# The layers are built for this machine's Python, so the image must have the same.
DEBIAN_RELEASES = {"3.11": "bookworm", "3.13": "trixie"}
PACKAGES = "python3-minimal,libpython3-stdlib,ca-certificates,libstdc++6"
NOT_NEEDED = (
    "var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info",
)  # fmt: skip
# The order of the real one: code, layers, runtime
# (https://docs.aws.amazon.com/lambda/latest/dg/python-package.html#python-package-searchpath).
BOOTSTRAP = """\
#!/bin/sh
export PYTHONPATH=/var/task:/opt/python/lib/python{version}/site-packages:/opt/python:/var/runtime
exec python3 -m awslambdaric "$_HANDLER"
"""


def image_tag(python_version: str, architecture: str) -> str:
    """What SAM CLI asks for after the repository."""
    return f"{python_version}-{architecture}"


def prepare_image(python_version: str) -> Path:
    """The file system as a tar file, made once and kept in .local/cache. Needs root and debootstrap."""
    release = DEBIAN_RELEASES.get(python_version)
    if release is None:
        raise RuntimeError(
            f"no Debian release has Python {python_version}: run `make PYTHON=python3.x test-sam` with one of "
            f"{', '.join(DEBIAN_RELEASES)}"
        )
    digest = hashlib.sha256(REQUIREMENTS.read_bytes() + f"{release} {PACKAGES} {BOOTSTRAP}".encode()).hexdigest()
    target = CACHE / f"lambda-image-{python_version}-{platform.machine()}-{digest[:16]}.tar"
    if not target.is_file():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE, prefix=".image-") as folder:
            root = Path(folder, "root")
            _run(["debootstrap", "--variant=minbase", f"--include={PACKAGES}", release, str(root)])
            _add_runtime(root, python_version)
            part = Path(folder, "image.tar")
            _run(["tar", "--directory", str(root), "--numeric-owner", "--create", "--file", str(part), "."])
            part.replace(target)
    return target


def _add_runtime(root: Path, python_version: str) -> None:
    for path in NOT_NEEDED:
        shutil.rmtree(root / path, ignore_errors=True)
    runtime = root / "var/runtime"
    shutil.copytree(prepare_runtime(CACHE, REQUIREMENTS), runtime, ignore=shutil.ignore_patterns("__pycache__", "bin"))
    bootstrap = runtime / "bootstrap"
    bootstrap.write_text(BOOTSTRAP.format(version=python_version))
    bootstrap.chmod(0o755)
    (root / "var/task").mkdir()
    _run(["chroot", str(root), "python3", "-m", "compileall", "-q", "/var/runtime"])


def _run(command: list[str]) -> None:
    environment = {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-10:])
        raise RuntimeError(f"`{' '.join(command)}` failed with status {done.returncode}:\n{said}")
