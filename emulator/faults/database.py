"""Faults of the database, by its own means: a failover's read-only mode, no connection left, dead-locks, a full disk.

Each is a block: the database is whole again when it is left. The methods block, so call them in a thread.
"""

import contextlib
import secrets
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pymysql

from emulator.services.mariadb_address import DatabaseAddress

# What lets an account pass a read-only server and take the connection that is kept for administrators.
# Source: https://mariadb.com/kb/en/grant/#global-privileges
_EXEMPTIONS = "SUPER, CONNECTION ADMIN, READ_ONLY ADMIN"
_ADMIN, _GUEST = "fault_admin", "fault_guest"
_FEWEST_CONNECTIONS = 10  # the least that max_connections takes
# InnoDB's view of transactions is made anew where nobody has asked for 0.1 s, and not before.
_POLL_SECONDS = 0.15


class DatabaseFaults:
    """Breaks the server at `address`; the account of the address loses what would exempt it from a fault."""

    def __init__(self, address: DatabaseAddress) -> None:
        self._address = address
        self._passwords = {name: secrets.token_urlsafe(18) for name in (_ADMIN, _GUEST)}
        with self._connect(address.user, address.password) as connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE USER {_ADMIN}@'%%' IDENTIFIED BY %s", (self._passwords[_ADMIN],))
            cursor.execute(f"GRANT ALL PRIVILEGES ON *.* TO {_ADMIN}@'%' WITH GRANT OPTION")
            cursor.execute(f"CREATE USER {_GUEST}@'%%' IDENTIFIED BY %s", (self._passwords[_GUEST],))
            cursor.execute(f"GRANT INSERT ON `{address.database}`.* TO {_GUEST}@'%'")
            cursor.execute("CREATE TABLE fault_probe (x LONGTEXT) ENGINE = InnoDB")

    def query(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a statement of the administrator's, committed."""
        with self._connect_admin() as connection, connection.cursor() as cursor:
            cursor.execute(statement, tuple(parameters))
            return list(cursor.fetchall())

    def status(self, name: str) -> int:
        """The server's status variable of that name."""
        return int(self.query("SHOW GLOBAL STATUS WHERE Variable_name = %s", (name,))[0][1])

    def try_to_write(self) -> int:
        """The error number that the server answers to an ordinary account's INSERT; 0 when it takes it."""
        try:
            with self._connect(_GUEST, self._passwords[_GUEST]) as connection, connection.cursor() as cursor:
                cursor.execute("INSERT INTO fault_probe VALUES (REPEAT('x', 100000))")  # more than a page may have left
        except pymysql.err.Error as error:
            return int(error.args[0])
        return 0

    @contextlib.contextmanager
    def read_only(self) -> Iterator[None]:
        """What a writer meets whose connection leads to the former primary."""
        self._take_exemptions()
        self.query("SET GLOBAL read_only = ON")
        try:
            yield
        finally:
            self.query("SET GLOBAL read_only = OFF")

    @contextlib.contextmanager
    def no_connection_left(self) -> Iterator[None]:
        """Others hold every connection, and those of the address's account are closed."""
        self._take_exemptions()
        ((most,),) = self.query("SELECT @@GLOBAL.max_connections")
        held: list[Any] = []
        with self._connect_admin() as admin, admin.cursor() as cursor:
            cursor.execute(f"SET GLOBAL max_connections = {_FEWEST_CONNECTIONS}")
            try:
                self._take_all(held)
                while self._close_sessions(cursor):  # one that has just gone may leave its place to another
                    self._take_all(held)
                yield
            finally:
                cursor.execute(f"SET GLOBAL max_connections = {most}")
                for connection in held:
                    connection.close()

    @contextlib.contextmanager
    def dead_locks(self, table: str, key: str, keys: Sequence[str], *, threads: int = 2) -> Iterator[None]:
        """Others lock the rows of `keys` in the opposite order of a batch's, and change nothing."""
        stop = threading.Event()
        workers = [
            threading.Thread(target=self._lock_backwards, args=(table, key, keys, number, stop))
            for number in range(threads)
        ]
        for worker in workers:
            worker.start()
        try:
            yield
        finally:
            stop.set()
            for worker in workers:
                worker.join()

    def fill_disk(self) -> None:
        """Leave no page in a tablespace that has a bound (`SMALL_DISK`).

        Nothing can be dropped then, as that needs a page as well: start the server again with `LARGE_DISK`.
        """
        self.query("CREATE TABLE ballast (x LONGBLOB) ENGINE = InnoDB")
        size = 4 * 1024 * 1024
        while size >= 512:
            try:
                self.query("INSERT INTO ballast VALUES (REPEAT('x', %s))", (size,))
            except pymysql.err.OperationalError:
                size //= 2

    @contextlib.contextmanager
    def held_row(self, table: str, key: str, value: str) -> Iterator[None]:
        """Another transaction holds the row, so that whoever writes it waits in the midst of its own."""
        with self._connect_admin(autocommit=False) as connection, connection.cursor() as cursor:
            cursor.execute(f"SELECT 1 FROM {table} WHERE {key} = %s FOR UPDATE", (value,))  # noqa: S608
            yield
            with contextlib.suppress(pymysql.err.Error):  # the server may have been killed
                connection.rollback()

    def wait_for_open_transaction(self, rows: int, timeout_seconds: float) -> bool:
        """True as soon as a transaction has changed so many rows and is not committed."""
        deadline = time.monotonic() + timeout_seconds
        statement = "SELECT COALESCE(MAX(trx_rows_modified), 0) FROM information_schema.innodb_trx"
        with self._connect_admin() as connection, connection.cursor() as cursor:
            while time.monotonic() < deadline:
                cursor.execute(statement)
                if cursor.fetchone()[0] >= rows:
                    return True
                time.sleep(_POLL_SECONDS)
        return False

    def _take_exemptions(self) -> None:
        """The address's account is an ordinary one from now on; the server gives it all rights at each start."""
        with self._connect_admin() as connection, connection.cursor() as cursor:
            cursor.execute(f"REVOKE {_EXEMPTIONS} ON *.* FROM '{self._address.user}'@'%'")
            self._close_sessions(cursor)  # a session keeps the rights that it began with

    def _close_sessions(self, cursor: Any) -> int:
        """How many sessions of the address's account there were; a failover closes them too."""
        cursor.execute("SELECT id FROM information_schema.processlist WHERE user = %s", (self._address.user,))
        sessions = cursor.fetchall()
        for (number,) in sessions:
            with contextlib.suppress(pymysql.err.Error):  # it may have gone by itself
                cursor.execute(f"KILL {number}")
        return len(sessions)

    def _take_all(self, held: list[Any]) -> None:
        with contextlib.suppress(pymysql.err.OperationalError):
            while True:
                held.append(self._open(_GUEST, self._passwords[_GUEST], autocommit=True))

    def _lock_backwards(self, table: str, key: str, keys: Sequence[str], number: int, stop: threading.Event) -> None:
        backwards = sorted(keys, reverse=True)
        with self._connect_admin(autocommit=False) as connection, connection.cursor() as cursor:
            cursor.execute("SET innodb_lock_wait_timeout = 1")
            start = number
            while not stop.is_set():
                with contextlib.suppress(pymysql.err.OperationalError):  # this one was the victim
                    for value in backwards[start % len(backwards) :: 7]:
                        cursor.execute(f"SELECT 1 FROM {table} WHERE {key} = %s FOR UPDATE", (value,))  # noqa: S608
                        if stop.is_set():
                            break
                connection.rollback()
                start += 3

    def _connect_admin(self, *, autocommit: bool = True) -> contextlib.AbstractContextManager[Any]:
        return self._connect(_ADMIN, self._passwords[_ADMIN], autocommit=autocommit)

    @contextlib.contextmanager
    def _connect(self, user: str, password: str, *, autocommit: bool = True) -> Iterator[Any]:
        connection = self._open(user, password, autocommit=autocommit)
        try:
            yield connection
        finally:
            with contextlib.suppress(pymysql.err.Error):  # the server may have been killed
                connection.close()

    def _open(self, user: str, password: str, *, autocommit: bool) -> Any:
        address = self._address
        return pymysql.connect(
            host=address.host,
            port=address.port,
            user=user,
            password=password,
            database=address.database,
            autocommit=autocommit,
            ssl_disabled=True,
            connect_timeout=5,
        )


# A tablespace that ends, so that the server answers as it does when its disk is full: 1114.
# Source: https://mariadb.com/kb/en/innodb-system-variables/#innodb_data_file_path
SMALL_DISK = ("--innodb-file-per-table=OFF", "--innodb-data-file-path=ibdata1:12M:autoextend:max:40M")
LARGE_DISK = ("--innodb-file-per-table=OFF", "--innodb-data-file-path=ibdata1:12M:autoextend:max:400M")
