"""Lifecycle rules of buckets: moto keeps them and does nothing by them.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html
"""

import logging
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from emulator.errors import AwsError
from emulator.retention.calendar import DAY_SECONDS, Calendar
from emulator.stack.aws_caller import AwsCaller

_logger = logging.getLogger(__name__)

# Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
_KEYS_A_CALL = 1000
# Nothing here uploads in parts, and moto says of every upload that it began in 2010.
_WITHOUT_EFFECT = frozenset({"AbortIncompleteMultipartUpload"})
_UNDERSTOOD = frozenset({"ID", "Status", "Prefix", "Filter", "Expiration"}) | _WITHOUT_EFFECT


@dataclass(frozen=True)
class Expiration:
    """A rule that is in force."""

    prefix: str
    days: int


class LifecycleSweeper:
    """Removes the objects that the buckets' own rules let expire; a rule that it does not know is warned of, once."""

    def __init__(self, s3: AwsCaller, calendar: Calendar) -> None:
        self._s3 = s3
        self._calendar = calendar
        self._warned: set[tuple[str, str]] = set()

    async def sweep(self) -> int:
        """How many objects were removed. Raises AwsError."""
        removed = 0
        for bucket in (await self._s3.call("s3", "ListBuckets"))["Buckets"]:
            for rule in await self._read_rules(bucket["Name"]):
                removed += await self._expire(bucket["Name"], rule)
        return removed

    async def _read_rules(self, bucket: str) -> list[Expiration]:
        try:
            answer = await self._s3.call("s3", "GetBucketLifecycleConfiguration", Bucket=bucket)
        except AwsError as error:
            if error.code in {"NoSuchLifecycleConfiguration", "NoSuchBucket"}:  # it may have been deleted since
                return []
            raise
        return [rule for each in answer["Rules"] if (rule := self._read_rule(bucket, each)) is not None]

    def _read_rule(self, bucket: str, rule: Mapping[str, Any]) -> Expiration | None:
        if rule["Status"] != "Enabled":
            return None
        where = rule.get("Filter", {"Prefix": rule.get("Prefix", "")})
        unknown = {*rule} - _UNDERSTOOD | {*where} - {"Prefix"} | {*rule.get("Expiration", {})} - {"Days"}
        if unknown:
            self._warn(bucket, str(rule.get("ID", "")), unknown)
            return None
        if "Expiration" not in rule:
            return None
        return Expiration(where.get("Prefix", ""), int(rule["Expiration"]["Days"]))

    def _warn(self, bucket: str, rule: str, unknown: set[str]) -> None:
        if (bucket, rule) not in self._warned:
            self._warned.add((bucket, rule))
            _logger.warning(
                "lifecycle rule %r of bucket %s is not emulated: %s", rule, bucket, ", ".join(sorted(unknown))
            )

    async def _expire(self, bucket: str, rule: Expiration) -> int:
        # S3 adds the days to the time of creation and rounds up to the next midnight, UTC. So what was there that many
        # days before the last midnight has expired.
        now = self._calendar.now()
        newest = self._calendar.to_real(now - now % DAY_SECONDS - rule.days * DAY_SECONDS)
        removed = 0
        async for page in self._list_pages(bucket, rule.prefix):
            doomed = [{"Key": item["Key"]} for item in page if item["LastModified"].timestamp() <= newest]
            if doomed:
                await self._s3.call("s3", "DeleteObjects", Bucket=bucket, Delete={"Objects": doomed, "Quiet": True})
                removed += len(doomed)
        return removed

    async def _list_pages(self, bucket: str, prefix: str) -> AsyncIterator[list[dict[str, Any]]]:
        """Page by page, each asked for by the last key of the one before: that key may be gone by then."""
        after = ""
        while True:
            page = await self._s3.call(
                "s3", "ListObjectsV2", Bucket=bucket, Prefix=prefix, StartAfter=after, MaxKeys=_KEYS_A_CALL
            )
            found = page.get("Contents", [])
            if found:
                yield found
            if not page["IsTruncated"]:
                return
            after = found[-1]["Key"]
