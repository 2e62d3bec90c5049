"""What all contenders share: one partner API, one MariaDB, the tables, the users, and the proof of every row."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from batchctl.migrate.apply import apply_steps
from batchctl.migrate.connection import DatabaseTarget
from batchctl.migrate.steps import read_steps
from bench.contract import Database
from bench.points import connect
from emulator.partner_api import LastAnswer, PartnerApi, PartnerApiOptions
from emulator.services.mariadb import MariaDb

ROOT = Path(__file__).resolve().parents[1]
MIGRATIONS = ROOT / "migrations"
CACHE = ROOT / ".local" / "cache"
SEED_BATCH = 5000
SHOWN_DIFFERENCES = 3


class WrongRowsError(RuntimeError):
    """Rows differ from what the partner API answered: the contender's figures are worth nothing."""


@dataclass(frozen=True)
class Setting:
    """What runs while the contenders take turns."""

    partner_api: PartnerApi
    mariadb: MariaDb
    database: Database


@contextlib.asynccontextmanager
async def open_setting(latency_ms: float, seed: int) -> AsyncIterator[Setting]:
    """Both servers, with the tables made."""
    partner_api = PartnerApi(PartnerApiOptions(latency_ms=latency_ms, seed=seed))
    mariadb = MariaDb(CACHE)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(partner_api.stop)
        await partner_api.start()
        stack.push_async_callback(mariadb.stop)
        address = await mariadb.start()
        database = Database(address.host, address.port, address.user, address.password, address.database)
        apply_migrations(database)
        yield Setting(partner_api, mariadb, database)


def apply_migrations(database: Database) -> None:
    """Makes the product's own tables."""
    target = DatabaseTarget(
        host=database.host,
        port=database.port,
        name=database.name,
        user=database.user,
        make_password=lambda: database.password,
        verifies_tls=False,
    )
    apply_steps(target, read_steps(MIGRATIONS))


def seed_users(database: Database, users: int) -> None:
    """Empties every table but the migrations' own and makes the users."""
    with connect(database) as connection, connection.cursor() as cursor:
        cursor.execute("SHOW TABLES")
        for table in [name for (name,) in cursor.fetchall() if "yoyo" not in name]:
            cursor.execute(f"TRUNCATE TABLE `{table}`")
        for start in range(0, users, SEED_BATCH):
            rows = [(f"user-{number:07d}", f"tenant-{number % 40:02d}") for number in range(start, users)[:SEED_BATCH]]
            cursor.executemany("INSERT INTO users (user_id, tenant_id) VALUES (%s, %s)", rows)


async def verify_rows(setting: Setting, users: int) -> None:
    """Returns when every user has exactly the row that the partner API last answered. Raises WrongRowsError."""
    answers = await setting.partner_api.answers()
    with connect(setting.database) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT user_id, points, tier, DATE_FORMAT(updated_at, '%Y-%m-%dT%H:%i:%s.%f') FROM loyalty_points"
        )
        rows = {row[0]: (int(row[1]), str(row[2]), f"{row[3][:23]}Z") for row in cursor.fetchall()}
    differences = compare_rows(rows, answers, users)
    if differences:
        shown = "; ".join(differences[:SHOWN_DIFFERENCES])
        raise WrongRowsError(f"{len(differences)} users have a wrong row or none: {shown}")


def compare_rows(rows: Mapping[str, tuple[int, str, str]], answers: Mapping[str, LastAnswer], users: int) -> list[str]:
    """One line for each user whose row is not its last answer, and for users that were never answered."""
    differences = [
        f"{user_id} has {rows.get(user_id)}, was answered {tuple(answer[:3])}"
        for user_id, answer in answers.items()
        if rows.get(user_id) != answer[:3]
    ]
    differences += [f"{user_id} has a row and was never answered" for user_id in rows.keys() - answers.keys()]
    if len(answers) != users:
        differences.append(f"{len(answers)} users were answered, {users} are in the table users")
    return differences
