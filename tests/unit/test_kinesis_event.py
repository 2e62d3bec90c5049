"""The event of a Kinesis mapping."""

from typing import Any

import pytest
from express_batch.errors import InvalidEventError
from express_batch.kinesis_event import ArrivedRecord, read_arrived

from tests.fakes.deliveries import make_event


def changed(**changes: Any) -> dict[str, Any]:
    """An event of one record; `event_id` is the item's, everything else the record's."""
    event = make_event([b"data"], arrived_at=5.0)
    (item,) = event["Records"]
    if "event_id" in changes:
        item["eventID"] = changes.pop("event_id")
    item["kinesis"] |= changes
    return event


def test_records_come_with_where_and_when_they_arrived() -> None:
    assert read_arrived(changed()) == [ArrivedRecord("shardId-000000000000", "0", "ZGF0YQ==", 5.0)]


@pytest.mark.parametrize(
    "event",
    [
        None,
        [],
        "Records",
        {},
        {"Records": None},
        {"Records": {}},
        {"Records": [None]},
        {"Records": [{}]},
        {"Records": [{"eventID": "shardId-0:1"}]},
        {"Records": [{"eventID": 7, "kinesis": {}}]},
        changed(event_id="../../x:1"),
        changed(event_id=":1"),
        changed(event_id=None),
        changed(data=None),
        changed(data=7),
        changed(sequenceNumber="../1"),
        changed(sequenceNumber=7),
        changed(sequenceNumber="9" * 130),
        changed(approximateArrivalTimestamp=None),
        changed(approximateArrivalTimestamp="5"),
        changed(approximateArrivalTimestamp=float("nan")),
        changed(approximateArrivalTimestamp=float("inf")),
        changed(approximateArrivalTimestamp=10**400),
        changed(approximateArrivalTimestamp=-1),
    ],
)
def test_event_of_anybody_else_is_refused_by_name(event: Any) -> None:
    with pytest.raises(InvalidEventError, match="Kinesis event source mapping"):
        read_arrived(event)
