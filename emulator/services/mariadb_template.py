"""A pristine data directory, made once for each server version and copied for each run."""

import asyncio
import os
import re
import shutil
import tempfile
from pathlib import Path

from emulator.services.child_process import make_before_exec
from emulator.services.server_account import ServerAccount

# Debian keeps the server in sbin, Homebrew in opt; neither is always on PATH.
_MORE_PLACES = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/opt/mariadb/bin", "/usr/local/opt/mariadb/bin")


class MariaDbMissingError(RuntimeError):
    """The server's programs are not installed."""


class MariaDbInstallError(RuntimeError):
    """The server's own installer failed; the message has its last lines."""


def find_program(name: str) -> str:
    """Path of one of MariaDB's programs; the error says how to install them."""
    found = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", os.defpath), *_MORE_PLACES]))
    if found is None:
        raise MariaDbMissingError(
            f"MariaDB is not installed: {name} was not found. "
            "Run 'apt-get install mariadb-server' (Debian, Ubuntu) or 'brew install mariadb' (macOS)."
        )
    return found


async def copy_template(cache_directory: Path, target: Path, account: ServerAccount) -> None:
    """Make `target` a data directory of a server that was never used."""
    version = await _read_version()
    template = cache_directory / f"mariadb-{version}"
    if not template.is_dir():
        await _make_template(template, account)
    await asyncio.to_thread(_copy_owned, template, target, account)


async def _read_version() -> str:
    process = await asyncio.create_subprocess_exec(
        find_program("mariadbd"), "--no-defaults", "--version", stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    match = re.search(r"Ver (\S+)", output.decode(errors="replace"))
    if match is None:
        raise RuntimeError(f"mariadbd --version answered {output!r}: its version is not in it")
    return re.sub(r"[^\w.+-]", "_", match.group(1))


async def _make_template(template: Path, account: ServerAccount) -> None:
    """Install into a directory of the server's account, then publish it under its name at once (a rename)."""
    template.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="mariadb-install-") as work_name:
        work = Path(work_name)
        account.own(work)
        data = work / "data"
        data.mkdir(mode=0o700)
        account.own(data)
        await _install(data, account)
        unpublished = Path(tempfile.mkdtemp(prefix=f"{template.name}-", dir=template.parent))
        await asyncio.to_thread(shutil.copytree, data, unpublished, dirs_exist_ok=True)
        try:
            unpublished.rename(template)
        except OSError:
            # Another process published the same version first: that one is as good.
            await asyncio.to_thread(shutil.rmtree, unpublished)
            if not template.is_dir():
                raise


async def _install(data: Path, account: ServerAccount) -> None:
    process = await asyncio.create_subprocess_exec(
        find_program("mariadb-install-db"),
        "--no-defaults",
        f"--datadir={data}",
        "--auth-root-authentication-method=normal",
        "--skip-test-db",
        "--skip-name-resolve",
        "--innodb-log-file-size=64M",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        preexec_fn=make_before_exec(account),
        cwd=data,
    )
    output, _ = await process.communicate()
    if process.returncode != 0:
        text = output.decode(errors="replace")
        raise MariaDbInstallError(f"mariadb-install-db ended with status {process.returncode}:\n{text[-2000:]}")


def _copy_owned(template: Path, target: Path, account: ServerAccount) -> None:
    shutil.copytree(template, target)
    target.chmod(0o700)
    for path in (target, *target.rglob("*")):
        account.own(path)
