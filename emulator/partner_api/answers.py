"""The good answer for a user: a function of the seed, the user and the answer's version, and nothing else."""

import json
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import NamedTuple

_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
_SPREAD_MILLISECONDS = 180 * 24 * 3600 * 1000
_TIERS = ("bronze", "silver", "gold", "platinum")
_TIER_STEP = 25_000
POINTS_END = _TIER_STEP * len(_TIERS)  # exclusive


class Answer(NamedTuple):
    """One good answer, in the members of the response."""

    user_id: str
    points: int
    tier: str
    updated_at: str


def make_answer(seed: int, user_id: str, version: int) -> Answer:
    """The answer of that version; a higher version of a user has a later `updated_at` and other points."""
    digest = blake2b(f"{seed}\0{user_id}".encode("utf-8", "surrogatepass"), digest_size=12).digest()
    # The step is odd and no multiple of 5, hence coprime to POINTS_END = 2^5 * 5^5: successive versions always differ.
    points = (int.from_bytes(digest[:4]) + version * 38_417) % POINTS_END
    milliseconds = int.from_bytes(digest[4:]) % _SPREAD_MILLISECONDS + version * 1000
    moment = _EPOCH + timedelta(milliseconds=milliseconds)
    updated_at = moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
    return Answer(user_id, points, _TIERS[points // _TIER_STEP], updated_at)


def encode_answer(answer: Answer) -> bytes:
    """The response body."""
    return (
        f'{{"user_id": {json.dumps(answer.user_id)}, "points": {answer.points}, '
        f'"tier": "{answer.tier}", "updated_at": "{answer.updated_at}"}}'
    ).encode()
