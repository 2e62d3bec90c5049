"""What must be true, worked out of the stream's log and the bucket's objects by other code than the product's."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

LONGEST_TIER = 16  # migrations/0004_loyalty_points.sql
Place = tuple[int, int]  # chunk, position


@dataclass(frozen=True)
class SentRow:
    """A row in the stream."""

    run_id: str
    place: Place
    user_id: str
    points: int
    version: int
    is_poisonous: bool


@dataclass(frozen=True)
class SentRecord:
    """A record in the stream."""

    run_id: str
    record_id: str
    chunk: int
    rows: tuple[SentRow, ...]


def read_record(data: bytes) -> SentRecord | None:
    """The record, or None for what nobody of ours has sent."""
    try:
        document = json.loads(data)
    except ValueError:
        return None
    rows = tuple(
        SentRow(
            document["run_id"],
            (document["chunk"], position),
            user_id,
            points,
            version,
            len(tier) > LONGEST_TIER,
        )
        for position, version, user_id, points, tier, _ in document["rows"]
    )
    return SentRecord(document["run_id"], document["record_id"], document["chunk"], rows)


def newest_rows(records: Collection[SentRecord]) -> dict[str, tuple[int, int]]:
    """{user id: (points, version)} once the records are written, in whatever order."""
    newest: dict[str, tuple[int, int]] = {}
    for row in (row for record in records for row in record.rows if not row.is_poisonous):
        if row.user_id not in newest or newest[row.user_id][1] <= row.version:
            newest[row.user_id] = (row.points, row.version)
    return newest


def accounted_rows(batch: Sequence[SentRecord]) -> dict[str, list[SentRow]]:
    """{record id: its rows that count as written} when the batch is written.

    A row that the table would refuse counts where its batch has a newer one of the same user that it takes: the user
    is in the database with a newer answer, and nobody has tried the older one.
    """
    taken = [row for record in batch for row in record.rows if not row.is_poisonous]

    def counts(row: SentRow) -> bool:
        return not row.is_poisonous or any(
            other.user_id == row.user_id and other.version > row.version for other in taken
        )

    return {record.record_id: [row for row in record.rows if counts(row)] for record in batch}


def written_places(rows: Collection[SentRow], run_id: str) -> set[Place]:
    """The places of the run that the rows are of."""
    return {row.place for row in rows if row.run_id == run_id}


def written_users(rows: Collection[SentRow], run_ids: Collection[str]) -> set[str]:
    """The users of these runs that the rows are of."""
    return {row.user_id for row in rows if row.run_id in run_ids}


def failed_places(objects: Mapping[str, bytes], run_id: str) -> dict[Place, str]:
    """{place: reason} of every failure record, written by now or not."""
    found = {}
    prefix = f"runs/{run_id}/failures/"
    for key in sorted(key for key in objects if key.startswith(prefix)):
        document = json.loads(objects[key])
        if "failures" in document:
            for failure in document["failures"]:
                found[document["chunk"], failure["position"]] = failure["reason"]
        else:
            for position in range(document["start"], document["end"]):
                found[document["chunk"], position] = document["reason"]
    return found


def chunk_users(objects: Mapping[str, bytes], answer: Mapping[str, Any]) -> dict[Place, str]:
    """{place: user id} of a listing."""
    found = {}
    for chunk in answer["chunks"]:
        document = json.loads(objects[f"runs/{answer['run_id']}/chunks/{chunk['chunk']:05d}.json"])
        assert len(document["users"]) == chunk["user_count"], "listing: a chunk has as many users as was said"
        for position, (user_id, _) in enumerate(document["users"]):
            found[chunk["chunk"], position] = user_id
    return found


def name_status(failed: int, missing: int) -> str:
    """How a run is to be called."""
    return "INCOMPLETE" if missing else "PARTIAL" if failed else "COMPLETE"


def left_users(
    users: Mapping[Place, str],
    attempts: Sequence[tuple[str, Mapping[Place, str]]],
    rows: Collection[SentRow],
    objects: Mapping[str, bytes],
    run_id: str,
) -> dict[str, str]:
    """{user id: reason} of a run's users that neither it nor its redrives, `attempts` in their order, have written."""
    written = written_users(rows, {run_id, *(each for each, _ in attempts)})
    left = {}
    failed = failed_places(objects, run_id)
    for place, user_id in users.items():
        if user_id not in written:
            left[user_id] = failed.get(place, "Missing")
    for redrive, places in attempts:
        failed = failed_places(objects, redrive)
        for place, user_id in places.items():
            if user_id in left:
                left[user_id] = failed.get(place, "Missing")
    return left
