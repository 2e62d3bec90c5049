"""The emulator's /var/runtime: AWS's runtime interface client and boto3, installed once and kept."""

import compileall
import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from py_compile import PycInvalidationMode


class RuntimeInstallError(Exception):
    """The runtime's packages could not be installed; the message ends with the installer's output."""


def name_runtime_directory(directory: Path, requirements_file: Path) -> Path:
    """Where `prepare_runtime` puts the files: named after the requirements and this interpreter."""
    digest = hashlib.sha256(requirements_file.read_bytes())
    digest.update(f"{sys.implementation.cache_tag}-{sys.version_info[:3]}-{sys.platform}-{os.uname().machine}".encode())
    return directory / f"runtime-{digest.hexdigest()[:16]}"


def prepare_runtime(directory: Path, requirements_file: Path) -> Path:
    """The directory with the packages of `requirements_file`, compiled; installed at the first call, reused later."""
    target = name_runtime_directory(directory, requirements_file).resolve()
    if target.is_dir():
        return target
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "runtime.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two stacks may start at once
        if target.is_dir():
            return target
        scratch = Path(tempfile.mkdtemp(prefix="runtime-", dir=directory))
        try:
            _install(scratch, requirements_file)
            # Unchecked: the files never change, and real /var/runtime is precompiled too.
            compileall.compile_dir(
                scratch,
                quiet=2,
                workers=1,
                invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
                stripdir=str(scratch),
                prependdir=str(target),
            )
            scratch.chmod(0o755)
            scratch.rename(target)
        finally:
            with contextlib.suppress(FileNotFoundError):
                shutil.rmtree(scratch)
    return target


def _install(target: Path, requirements_file: Path) -> None:
    uv = Path(sys.executable).with_name("uv")
    if uv.exists():
        command = [str(uv), "pip", "install", "--quiet", "--python", sys.executable, "--link-mode", "copy"]
    else:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["--require-hashes", "--target", str(target), "-r", str(requirements_file)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeInstallError(
            f"the packages of {requirements_file} could not be installed for the Lambda runtime; "
            f"the command was {' '.join(command)}\n{done.stdout}{done.stderr}"
        )
