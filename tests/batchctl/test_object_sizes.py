"""What an operator reads out of the run bucket has the same bounds as what the functions read."""

import io
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from express_batch import object_sizes
from express_batch.object_sizes import TOO_LARGE

from batchctl.control.circuit import PartnerCircuit
from batchctl.control.switch import KillSwitch
from batchctl.redrive.bucket import Bucket
from batchctl.runs.aws_sources import S3RunObjects


class EndlessS3:
    """Every object is a thousand bytes of an object without an end."""

    def __init__(self) -> None:
        self.body = io.BytesIO(b"[" * 1000)

    def get_object(self, **_: str) -> dict[str, Any]:
        """The object."""
        return {"Body": self.body, "LastModified": datetime.now(UTC)}


class FakeStack:
    """A stack with that bucket."""

    def __init__(self, s3: EndlessS3) -> None:
        self._s3 = s3

    def make_client(self, _service: str, **_: Any) -> EndlessS3:
        """The client of S3."""
        return self._s3

    def output(self, _name: str) -> str:
        """The bucket."""
        return "bucket"


@pytest.mark.parametrize(
    "read",
    [
        lambda s3: Bucket(s3, "bucket").get("control/stop.json") == TOO_LARGE,
        lambda s3: S3RunObjects(s3, "bucket").get("control/stop.json") == TOO_LARGE,
        lambda s3: PartnerCircuit(FakeStack(s3)).read().reason == "control/circuit.json cannot be read",  # type: ignore[arg-type, union-attr]
        lambda s3: KillSwitch(FakeStack(s3)).read() is not None,  # type: ignore[arg-type]
    ],
    ids=["failures", "runs", "circuit", "switch"],
)
def test_operator_reads_no_object_beyond_what_its_kind_may_have(
    read: Callable[[EndlessS3], bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(object_sizes, "MAX_DOCUMENT_BYTES", 10)
    s3 = EndlessS3()

    assert read(s3)
    assert s3.body.tell() == 11
