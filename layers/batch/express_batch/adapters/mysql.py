"""The database through PyMySQL: one connection an environment, made when first used and replaced when broken."""

import random
import ssl
import time
from collections.abc import Callable, Generator, Sequence
from typing import Any, TypeVar

import pymysql
import pymysql.cursors
from pymysql.constants import CR, ER

from express_batch.database import DatabaseActivity, RowRefusedError, TableMismatchError, Transaction
from express_batch.errors import DatabaseUnavailableError, JobQueryError
from express_batch.job_contract import User
from express_batch.latency import LatencyHistogram
from express_batch.settings import DatabaseSettings

T = TypeVar("T")

# A statement over 16 KB pins an RDS Proxy session
# (https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-proxy-pinning.html); PyMySQL's own bound is 1,024,000.
MAX_STATEMENT_BYTES = 16_000
TRANSACTION_ATTEMPTS = 6
# A proxy without a connection lets each attempt wait for ConnectionBorrowTimeout. Whoever calls has a time-out, too: it
# must hear that the database is away, and not be ended in the midst of a sixth wait.
LONGEST_TRYING_SECONDS = 10.0
FIRST_CONNECT_DELAY_SECONDS = 0.25
LONGEST_CONNECT_DELAY_SECONDS = 3.0
DEADLOCK_CODES = {ER.LOCK_DEADLOCK, ER.LOCK_WAIT_TIMEOUT}
# Values that one row is to blame for.
ROW_CODES = {
    ER.BAD_NULL_ERROR,
    ER.WARN_DATA_OUT_OF_RANGE,
    ER.WARN_DATA_TRUNCATED,
    ER.TRUNCATED_WRONG_VALUE,
    ER.TRUNCATED_WRONG_VALUE_FOR_FIELD,
    ER.DATA_TOO_LONG,
    ER.WRONG_VALUE_FOR_TYPE,
    ER.CANT_CREATE_GEOMETRY_OBJECT,
    1690,  # a number out of range in an expression
    3140,  # invalid JSON
    3819,  # a CHECK constraint, MySQL
    ER.CONSTRAINT_FAILED,  # a CHECK constraint, MariaDB
}
# A trigger of the team's refuses the row, by whatever number: "45" is the class of unhandled user-defined exceptions
# (https://dev.mysql.com/doc/refman/8.4/en/signal.html).
SIGNAL_CLASS = "45"
TABLE_CODES = {
    ER.NO_SUCH_TABLE,
    ER.BAD_FIELD_ERROR,
    ER.WRONG_VALUE_COUNT_ON_ROW,
    ER.NO_DEFAULT_FOR_FIELD,  # a column that the job does not fill
    ER.TABLEACCESS_DENIED_ERROR,
    ER.COLUMNACCESS_DENIED_ERROR,
}
# The server, or the proxy before it, refuses everybody for now: too many connections, shutting down, read-only after a
# failover. 9501, no connection within ConnectionBorrowTimeout, and 1105 are RDS Proxy's, and come in answer to a
# statement (https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-proxy.troubleshooting.html).
SERVER_CODES = {
    ER.CON_COUNT_ERROR,
    ER.TOO_MANY_USER_CONNECTIONS,
    ER.USER_LIMIT_REACHED,
    ER.SERVER_SHUTDOWN,
    ER.OPTION_PREVENTS_STATEMENT,
    ER.QUERY_INTERRUPTED,
    ER.RECORD_FILE_FULL,
    ER.DISK_FULL,
    ER.ERROR_ON_WRITE,
    ER.GET_ERRNO,  # the storage engine's own, such as a full disk
    ER.ABORTING_CONNECTION,
    ER.NET_READ_ERROR,
    ER.NET_READ_INTERRUPTED,
    ER.NET_ERROR_ON_WRITE,
    ER.NET_WRITE_INTERRUPTED,
    ER.TABLE_DEF_CHANGED,  # a schema step came between two statements: "please retry transaction"
    ER.UNKNOWN_ERROR,
    1836,  # running in read-only mode
    3169,  # the session was killed
    4031,  # disconnected after inactivity
    9501,  # the proxy has no connection to give
}


class _BoundedCursor(pymysql.cursors.Cursor):
    """Splits what executemany would send in one statement, and times each."""

    max_stmt_length = MAX_STATEMENT_BYTES
    statements: LatencyHistogram

    def execute(self, query: str, args: Any = None) -> int:
        started = time.monotonic()
        try:
            return super().execute(query, args)
        finally:
            self.statements.add(time.monotonic() - started)


class MysqlDatabase:
    """A Database. Not for several threads."""

    def __init__(
        self, settings: DatabaseSettings, make_password: Callable[[], str], *, patience_seconds: float = 0.0
    ) -> None:
        """`patience_seconds` is how long a transaction waits for a database that takes no connection or no write."""
        self._settings = settings
        self._patience_seconds = patience_seconds
        self._make_password = make_password
        self._connection: Any = None
        self._activity = DatabaseActivity()

    def take_activity(self) -> DatabaseActivity:
        """What was done since this was last asked."""
        taken, self._activity = self._activity, DatabaseActivity()
        return taken

    def run_transaction(self, work: Callable[[Transaction], T]) -> T:
        """What `work` returns, committed; `work` runs again after a dead-lock or on a new connection."""
        attempt = 0
        asked = time.monotonic()
        give_up = asked + self._patience_seconds
        while True:
            attempt += 1
            delay = random.uniform(0, min(LONGEST_CONNECT_DELAY_SECONDS, 0.05 * 2.0 ** min(attempt, 9)))  # noqa: S311
            try:
                self._connect_patiently(give_up)
                return self._run_once(work, asked)
            except (pymysql.err.OperationalError, pymysql.err.InterfaceError, pymysql.err.InternalError) as error:
                code = _read_code(error)
                if code in DEADLOCK_CODES:
                    self._roll_back()
                    problem, is_last = "lost every dead-lock", attempt >= TRANSACTION_ATTEMPTS
                elif self._is_broken(error, code):
                    self.close()
                    problem, is_last = (
                        "does not keep a connection",
                        self._is_patience_over(attempt, time.monotonic() + delay - asked),
                    )
                else:
                    self.close()
                    raise
                if is_last:
                    raise DatabaseUnavailableError(
                        f"{self._address} {problem} (MySQL error {code}, {attempt} attempts)"
                    ) from error
                time.sleep(delay)
            except BaseException:
                self._roll_back()
                raise

    def stream_users(self, query: str) -> Generator[User, None, None]:
        """The users of the job's query, fetched while they are taken."""
        connection = self._connect()
        try:
            with connection.cursor(pymysql.cursors.SSCursor) as cursor:
                cursor.execute(query)
                if cursor.description is None:
                    raise TypeError("no SELECT; what it changed is rolled back")
                while rows := cursor.fetchmany(1000):
                    for user_id, tenant_id in rows:
                        if not isinstance(user_id, (str, int)) or not isinstance(tenant_id, (str, int)):
                            raise TypeError("neither text nor a whole number")
                        yield User(str(user_id), str(tenant_id))
            connection.commit()
        except pymysql.err.Error as error:
            self.close()
            code = _read_code(error)
            if self._is_broken(error, code) or code in DEADLOCK_CODES:
                raise DatabaseUnavailableError(
                    f"{self._address} broke off while users were listed (MySQL error {code})"
                ) from error
            raise JobQueryError(
                f"the job's SELECT_USERS is refused (MySQL error {code}): "
                f"check its table and columns in {self._settings.database_name}"
            ) from error
        except (TypeError, ValueError) as error:
            self.close()
            raise JobQueryError(
                "the job's SELECT_USERS must be a SELECT that lists exactly two columns, user_id and tenant_id, "
                "each text or a whole number and never NULL"
            ) from error
        except GeneratorExit:
            self.close()  # rows are still on their way
            raise

    def close(self) -> None:
        """Drop the connection; the next use makes a new one."""
        connection, self._connection = self._connection, None
        if connection is not None and connection.open:
            connection.close()

    def _connect_patiently(self, give_up: float) -> None:
        delay = FIRST_CONNECT_DELAY_SECONDS
        while True:
            try:
                self._connect()
            except DatabaseUnavailableError:
                if time.monotonic() + delay >= give_up:
                    raise
                time.sleep(delay)
                delay = min(LONGEST_CONNECT_DELAY_SECONDS, 2 * delay)
            else:
                return

    def _is_patience_over(self, attempt: int, seconds: float) -> bool:
        if seconds >= max(LONGEST_TRYING_SECONDS, self._patience_seconds):
            return True
        return attempt >= TRANSACTION_ATTEMPTS and seconds >= self._patience_seconds

    def _run_once(self, work: Callable[[Transaction], T], asked: float) -> T:
        connection = self._connect()
        connection.begin()
        self._activity.borrow_seconds = time.monotonic() - asked
        with connection.cursor(_BoundedCursor) as cursor:
            cursor.statements = self._activity.statements
            result = work(_MysqlTransaction(cursor))
        connection.commit()
        return result

    def _roll_back(self) -> None:
        if self._connection is None or not self._connection.open:
            self._connection = None
            return
        try:
            self._connection.rollback()
        except pymysql.err.Error:
            self.close()

    @staticmethod
    def _is_broken(error: Exception, code: int) -> bool:
        return (
            isinstance(error, pymysql.err.InterfaceError)
            or code in SERVER_CODES
            or CR.CR_ERROR_FIRST <= code <= CR.CR_ERROR_LAST
        )

    @property
    def _address(self) -> str:
        return f"database {self._settings.database_host}:{self._settings.database_port}"

    def _connect(self) -> Any:
        if self._connection is not None and self._connection.open:
            return self._connection
        settings = self._settings
        try:
            self._connection = pymysql.connect(
                host=settings.database_host,
                port=settings.database_port,
                user=settings.database_user,
                password=self._make_password(),
                database=settings.database_name,
                charset="utf8mb4",
                # Out-of-range values must be errors; SQL_MODE does not pin an RDS Proxy session.
                sql_mode="STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO",
                # create_default_context verifies certificate and host name; `ssl_ca=` alone would verify neither.
                ssl=ssl.create_default_context() if settings.database_tls == "verify" else None,
                ssl_disabled=settings.database_tls == "off",
                connect_timeout=5,
                read_timeout=30,
                write_timeout=30,
            )
        except (pymysql.err.OperationalError, pymysql.err.InterfaceError, OSError) as error:
            code = _read_code(error)
            raise DatabaseUnavailableError(
                f"{self._address} takes no connection as {settings.database_user} (MySQL error {code}): "
                "is it up, is the security group open, may this role connect?"
            ) from error
        return self._connection


def _read_code(error: Exception) -> int:
    """MySQL's number; where PyMySQL has nothing but words, as for packets out of order, that of a lost connection."""
    code = error.args[0] if error.args else 0
    return code if isinstance(code, int) else CR.CR_SERVER_LOST


class _MysqlTransaction:
    def __init__(self, cursor: pymysql.cursors.Cursor) -> None:
        self._cursor = cursor

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> int:
        """Run one statement."""
        return _translated(lambda: self._cursor.execute(statement, tuple(parameters)))

    def execute_many(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run one INSERT for many rows, in statements of at most MAX_STATEMENT_BYTES."""
        _translated(lambda: self._cursor.executemany(statement, rows))

    def query(self, statement: str, parameters: Sequence[Any] = ()) -> Sequence[tuple[Any, ...]]:
        """All rows of a SELECT."""
        _translated(lambda: self._cursor.execute(statement, tuple(parameters)))
        return list(self._cursor.fetchall())

    def attempt(self, work: Callable[[], None]) -> None:
        """Run `work` behind a savepoint."""
        self._cursor.execute("SAVEPOINT attempt")
        try:
            work()
        except (RowRefusedError, TableMismatchError):
            self._cursor.execute("ROLLBACK TO SAVEPOINT attempt")
            raise
        self._cursor.execute("RELEASE SAVEPOINT attempt")


def _translated(statement: Callable[[], T]) -> T:
    try:
        return statement()
    except pymysql.err.Error as error:
        code = _read_code(error)
        is_signal = (error.sqlstate or "").startswith(SIGNAL_CLASS)
        if is_signal or code in ROW_CODES or isinstance(error, (pymysql.err.DataError, pymysql.err.IntegrityError)):
            raise RowRefusedError(code) from error
        if code in TABLE_CODES:
            raise TableMismatchError(code) from error
        raise
