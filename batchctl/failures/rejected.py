"""Stream records that WriteRows could not read, as it stored them under rejected/."""

import base64
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from express_batch.errors import InvalidEventError
from express_batch.outside_json import decode_json
from express_batch.stream_record import StreamRecord, decode_record

from batchctl.redrive.bucket import Bucket

PREFIX = "rejected/"
READERS = 16


@dataclass(frozen=True)
class RejectedRecord:
    """One object."""

    key: str
    reason: str
    detail: str
    data: bytes

    @property
    def name(self) -> str:
        """<shard id>/<sequence number>."""
        return self.key.removeprefix(PREFIX).removesuffix(".json")

    def decode(self) -> StreamRecord | None:
        """The record where this release can read it, as after a deployment that was only half through."""
        try:
            return decode_record(self.data)
        except InvalidEventError:
            return None


def read_rejected(bucket: Bucket) -> list[RejectedRecord]:
    """All of them, in the order of their names."""
    keys = bucket.list_keys(PREFIX)
    with ThreadPoolExecutor(READERS) as readers:
        return [_parse(key, body) for key, body in zip(keys, readers.map(bucket.get, keys), strict=True) if body]


def _parse(key: str, body: bytes) -> RejectedRecord:
    try:
        document = decode_json(body)
        data = base64.b64decode(document["data"], validate=True)
        return RejectedRecord(key, str(document["reason"]), str(document["detail"]), data)
    except (ValueError, KeyError, TypeError) as error:
        return RejectedRecord(key, "Unreadable", f"the object is no rejected record ({type(error).__name__})", b"")
