"""Objects leave by the rules of their bucket, at S3's time and no earlier."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from emulator.errors import AwsError
from emulator.retention.lifecycle import LifecycleSweeper

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


class FakeCalendar:
    """Stands where a test puts it; the machine's clock is the same."""

    def __init__(self) -> None:
        self.moment = NOON

    def now(self) -> float:
        return self.moment.timestamp()

    def to_real(self, moment: float) -> float:
        return moment


class FakeS3:
    """Buckets with rules and objects; pages of `page_keys`."""

    def __init__(self, page_keys: int = 1000) -> None:
        self.rules: dict[str, list[dict[str, Any]]] = {}
        self.objects: dict[str, dict[str, datetime]] = {}
        self._page_keys = page_keys

    async def call(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        assert service == "s3"
        bucket = parameters.get("Bucket", "")
        if operation == "ListBuckets":
            return {"Buckets": [{"Name": name} for name in self.objects]}
        if operation == "GetBucketLifecycleConfiguration":
            if bucket not in self.rules:
                raise AwsError("NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist", 404)
            return {"Rules": self.rules[bucket]}
        if operation == "ListObjectsV2":
            keys = sorted(
                key
                for key in self.objects[bucket]
                if key.startswith(parameters["Prefix"]) and key > parameters["StartAfter"]
            )
            page = keys[: self._page_keys]
            contents = [{"Key": key, "LastModified": self.objects[bucket][key]} for key in page]
            return {"IsTruncated": len(keys) > len(page), **({"Contents": contents} if contents else {})}
        assert operation == "DeleteObjects"
        assert len(parameters["Delete"]["Objects"]) <= 1000
        for item in parameters["Delete"]["Objects"]:
            del self.objects[bucket][item["Key"]]
        return {}


def rule(prefix: str, days: int, **more: Any) -> dict[str, Any]:
    return {
        "ID": prefix, "Status": "Enabled", "Filter": {"Prefix": prefix}, "Expiration": {"Days": days}, **more
    }  # fmt: skip


def sweep(s3: FakeS3, calendar: FakeCalendar | None = None) -> int:
    return asyncio.run(LifecycleSweeper(s3, calendar or FakeCalendar()).sweep())


@pytest.mark.parametrize(
    ("expires_at", "is_there"),
    [("2026-11-21T23:59:59", True), ("2026-11-22T00:00:00", False), ("2026-12-24T00:00:00", False)],
)
def test_object_stays_until_midnight_of_the_day_after_its_days(expires_at: str, *, is_there: bool) -> None:
    s3, calendar = FakeS3(), FakeCalendar()
    s3.rules["runs"] = [rule("runs/", 1)]
    s3.objects["runs"] = {"runs/a": NOON}

    calendar.moment = datetime.fromisoformat(expires_at).replace(tzinfo=UTC)

    assert sweep(s3, calendar) == (0 if is_there else 1)
    assert ("runs/a" in s3.objects["runs"]) is is_there


def test_rule_takes_its_prefix_alone_and_buckets_without_rules_keep_all() -> None:
    old = NOON - timedelta(days=30)
    s3 = FakeS3()
    s3.rules["runs"] = [rule("runs/", 7), rule("rejected/", 14)]
    s3.objects = {
        "runs": {"runs/a": old, "rejected/b": NOON - timedelta(days=10), "control/stop.json": old, "runs/c": NOON},
        "code": {"runs/a": old},
    }

    assert sweep(s3) == 1
    assert s3.objects == {
        "runs": {"rejected/b": NOON - timedelta(days=10), "control/stop.json": old, "runs/c": NOON},
        "code": {"runs/a": old},
    }
    assert sweep(s3) == 0


def test_all_pages_are_looked_at_when_keys_go_while_they_are_listed() -> None:
    s3 = FakeS3(page_keys=3)
    s3.rules["runs"] = [rule("", 1)]
    s3.objects["runs"] = {f"{number:02d}": NOON - timedelta(days=number % 2 * 9) for number in range(20)}

    assert sweep(s3) == 10
    assert sorted(s3.objects["runs"]) == [f"{number:02d}" for number in range(0, 20, 2)]


def test_rule_that_is_disabled_or_only_aborts_uploads_removes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    s3 = FakeS3()
    aborts = {"ID": "x", "Status": "Enabled", "Filter": {"Prefix": ""}, "AbortIncompleteMultipartUpload": {}}
    s3.rules["runs"] = [{**rule("", 1), "Status": "Disabled"}, aborts]
    s3.objects["runs"] = {"a": NOON - timedelta(days=9)}

    assert sweep(s3) == 0
    assert caplog.records == []


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"Transitions": []}, "Transitions"),
        ({"Filter": {"And": {"Prefix": "", "Tags": []}}}, "And"),
        ({"Expiration": {"Date": NOON}}, "Date"),
    ],
)
def test_rule_that_is_not_emulated_is_named_once_and_removes_nothing(
    more: dict[str, Any], named: str, caplog: pytest.LogCaptureFixture
) -> None:
    s3 = FakeS3()
    s3.rules["runs"] = [rule("", 1) | more]
    s3.objects["runs"] = {"a": NOON - timedelta(days=9)}
    sweeper = LifecycleSweeper(s3, FakeCalendar())

    async def sweep_twice() -> int:
        return await sweeper.sweep() + await sweeper.sweep()

    with caplog.at_level(logging.WARNING):
        assert asyncio.run(sweep_twice()) == 0
    (record,) = caplog.records
    assert named in record.getMessage()
