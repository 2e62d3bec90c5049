"""A real MariaDB server for one run: its own data directory, a private socket, a free port of the loopback."""

import asyncio
import os
import re
import secrets
import signal
import socket
from dataclasses import dataclass, replace
from pathlib import Path

from emulator.services.child_process import ChildProcess, ChildStartError
from emulator.services.mariadb_address import DatabaseAddress
from emulator.services.mariadb_query import query_status
from emulator.services.mariadb_template import copy_template, find_program
from emulator.services.run_directory import RunDirectory
from emulator.services.server_account import ServerAccount, find_server_account

_READY = re.compile(r"ready for connections")
_PORT_ATTEMPTS = 5
_PREFIX = "express-batch-mariadb-"

# MySQL 8's default, which RDS for MySQL keeps.
# Source: https://dev.mysql.com/doc/refman/8.0/en/sql-mode.html
_SQL_MODE = (
    "ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,"
    "ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"
)


@dataclass(frozen=True)
class MariaDbOptions:
    """What a caller may tune; the defaults are durable, as a database on AWS is."""

    database: str = "express_batch"
    user: str = "express_batch"
    max_connections: int = 200
    buffer_pool_megabytes: int = 128
    # 1 writes and flushes at each commit (durable); 2 and 0 lose up to a second when the machine dies.
    # Source: https://mariadb.com/docs/server/server-usage/storage-engines/innodb/innodb-system-variables
    flush_log_at_commit: int = 1
    start_timeout_seconds: float = 60
    stop_timeout_seconds: float = 20
    arguments: tuple[str, ...] = ()  # further ones of mariadbd


class MariaDb:
    """One server process; a restart keeps data, address and password, a stop removes everything."""

    def __init__(self, cache_directory: Path, options: MariaDbOptions | None = None) -> None:
        self._cache_directory = cache_directory
        self._options = options or MariaDbOptions()
        for name in (self._options.database, self._options.user):  # they stand in SQL
            if not re.fullmatch(r"\w{1,32}", name, re.ASCII):
                raise ValueError(f"{name!r} cannot be a database or a user: use 1 to 32 letters, digits and _")
        self._password = secrets.token_urlsafe(18)
        self._directory: RunDirectory | None = None
        self._port = 0
        self._child: ChildProcess | None = None
        self._account: ServerAccount | None = None

    @property
    def address(self) -> DatabaseAddress:
        """Where the server listens; raises before `start`."""
        directory = self._need_directory()
        return DatabaseAddress(
            host="127.0.0.1",
            port=self._port,
            user=self._options.user,
            password=self._password,
            database=self._options.database,
            socket=str(directory / "server.sock"),
        )

    @property
    def pid(self) -> int:
        """Process id of the server."""
        if self._child is None:
            raise ChildStartError("MariaDB was not started")
        return self._child.pid

    async def start(self) -> DatabaseAddress:
        """The address, when the server answers and its database and user exist."""
        if self._directory is not None:
            raise ChildStartError(f"MariaDB was started already, on port {self._port}")
        program = find_program("mariadbd")
        account = find_server_account()
        # Not under the caller's directory: the server's own account must be able to reach it.
        self._directory = await asyncio.to_thread(RunDirectory, _PREFIX)
        directory = self._directory.path
        try:
            self._account = account
            account.own(directory)
            await copy_template(self._cache_directory, directory / "data", account)
            self._write_first_statements(directory / "first.sql", account)
            await self._start_server(program)
        except BaseException:
            await self._remove()
            raise
        return self.address

    async def stop(self) -> None:
        """Return when the server is gone, its data too: SIGTERM, then SIGKILL after the bound."""
        if self._child is not None:
            await self._child.stop(grace_seconds=self._options.stop_timeout_seconds)
        await self._remove()

    async def kill(self) -> None:
        """Return when the server was killed by SIGKILL, in the midst of whatever it did; its data stay."""
        if self._child is not None:
            await self._child.kill()

    async def restart(self, arguments: tuple[str, ...] | None = None) -> None:
        """Return when the server answers again at the same address, after crash recovery where it was killed.

        `arguments` take the place of those in the options.
        """
        self._need_directory()
        if arguments is not None:
            self._options = replace(self._options, arguments=arguments)
        if self._child is not None:
            await self._child.stop(grace_seconds=self._options.stop_timeout_seconds)
        await self._start_server(find_program("mariadbd"))

    async def max_used_connections(self) -> int:
        """The most connections that were open at the same time since the server started."""
        value = await asyncio.to_thread(query_status, self.address, "Max_used_connections")
        return int(value)

    def pause(self) -> None:
        """Stop the server's process without ending it (SIGSTOP): a database that hangs."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused server go on."""
        os.kill(self.pid, signal.SIGCONT)

    def _need_directory(self) -> Path:
        if self._directory is None:
            raise ChildStartError("MariaDB was not started, or was stopped: call start() first")
        return self._directory.path

    def _write_first_statements(self, path: Path, account: ServerAccount) -> None:
        """SQL that the server runs before it says that it is ready, at every start; so each line may be repeated."""
        database, user = self._options.database, self._options.user
        root = secrets.token_urlsafe(18)
        statements = [
            f"CREATE DATABASE IF NOT EXISTS `{database}`",
            f"CREATE USER IF NOT EXISTS '{user}'@'%' IDENTIFIED BY '{self._password}'",
            f"GRANT ALL PRIVILEGES ON *.* TO '{user}'@'%' WITH GRANT OPTION",
            # Nobody on this machine gets in without a password: the installation leaves root open by every host name.
            f"ALTER USER 'root'@'localhost' IDENTIFIED BY '{root}'",
            "DELETE FROM mysql.global_priv WHERE User = '' OR (User = 'root' AND Host <> 'localhost')",
            "FLUSH PRIVILEGES",
        ]
        path.touch(mode=0o600)
        path.write_text("".join(f"{statement};\n" for statement in statements))
        account.own(path)

    async def _start_server(self, program: str) -> None:
        directory = self._need_directory()
        account = self._account
        assert account is not None
        fixed_port = self._port
        for attempt in range(_PORT_ATTEMPTS):
            port = fixed_port or _find_free_port()
            child = ChildProcess("MariaDB", directory / "server.log")
            try:
                await child.start(
                    [program, *self._arguments(directory, port)],
                    _READY,
                    timeout_seconds=self._options.start_timeout_seconds,
                    account=account,
                    directory=directory,
                )
            except ChildStartError:
                # Between the look for a free port and the server's bind somebody else may take it.
                taken = "Address already in use" in child.last_lines
                if not taken or fixed_port or attempt == _PORT_ATTEMPTS - 1:
                    raise
                continue
            self._child, self._port = child, port
            return

    def _arguments(self, directory: Path, port: int) -> list[str]:
        options = self._options
        return [
            "--no-defaults",
            f"--datadir={directory / 'data'}",
            f"--socket={directory / 'server.sock'}",
            f"--pid-file={directory / 'server.pid'}",
            f"--init-file={directory / 'first.sql'}",
            f"--tmpdir={directory}",
            "--bind-address=127.0.0.1",
            f"--port={port}",
            "--skip-name-resolve",
            "--skip-log-bin",
            "--performance-schema=OFF",
            "--character-set-server=utf8mb4",
            "--default-time-zone=+00:00",
            f"--sql-mode={_SQL_MODE}",
            f"--max-connections={options.max_connections}",
            f"--innodb-buffer-pool-size={options.buffer_pool_megabytes}M",
            f"--innodb-flush-log-at-trx-commit={options.flush_log_at_commit}",
            "--innodb-log-file-size=64M",
            "--innodb-buffer-pool-dump-at-shutdown=OFF",
            "--innodb-buffer-pool-load-at-startup=OFF",
            # A run lasts seconds: the scan of all that may be purged at the end is of no use.
            "--innodb-fast-shutdown=1",
            "--aria-pagecache-buffer-size=8M",
            "--key-buffer-size=1M",
            "--table-open-cache=200",
            *options.arguments,
        ]

    async def _remove(self) -> None:
        self._child = None
        self._port = 0
        directory, self._directory = self._directory, None
        if directory is not None:
            await asyncio.to_thread(directory.remove)


def _find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


__all__ = ["DatabaseAddress", "MariaDb", "MariaDbOptions"]
