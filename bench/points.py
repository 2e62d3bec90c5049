"""The row that every contender of ours makes out of an answer, and the statement that writes it."""

import json
from typing import Any, NamedTuple

import pymysql

from bench.contract import Database

UPSERT = (
    "INSERT INTO loyalty_points (user_id, points, tier, updated_at, answer_version) VALUES (%s, %s, %s, %s, %s) "
    "ON DUPLICATE KEY UPDATE points = VALUES(points), tier = VALUES(tier), "
    "updated_at = VALUES(updated_at), answer_version = VALUES(answer_version)"
)
RETRIED_STATUSES = (429, 500, 502, 503)


class PointsRow(NamedTuple):
    """One row of loyalty_points."""

    user_id: str
    points: int
    tier: str
    updated_at: str
    answer_version: int


def make_row(user_id: str, body: bytes, answer_version: int) -> PointsRow:
    """The row of an answer. Raises ValueError, KeyError or TypeError where it breaks the contract."""
    answer = json.loads(body)
    if answer["user_id"] != user_id or type(answer["points"]) is not int:
        raise ValueError(f"not the points of {user_id}")
    updated_at = answer["updated_at"]
    return PointsRow(
        user_id, answer["points"], answer["tier"], f"{updated_at[:10]} {updated_at[11:23]}", answer_version
    )


def connect(database: Database) -> "pymysql.connections.Connection[Any]":
    """A connection that commits each statement."""
    return pymysql.connect(
        host=database.host,
        port=database.port,
        user=database.user,
        password=database.password,
        database=database.name,
        autocommit=True,
        ssl_disabled=True,  # loopback; else PyMySQL loads all of the system's certificates for each connection, 30 ms
    )


def count_rows(database: Database) -> int:
    """How many users have a row."""
    with connect(database) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM loyalty_points")
        (count,) = cursor.fetchone() or (0,)
        return int(count)
