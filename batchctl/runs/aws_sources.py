"""The sources over boto3: the same code at AWS and at the emulator's endpoint."""

import itertools
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
from express_batch.object_sizes import read_object
from express_batch.outside_json import decode_json
from express_batch.run_layout import is_dry_run

from batchctl.runs.figures import read_mapping
from batchctl.runs.ports import LogLine, SourceError

READERS = 16
# A run of 100,000 slices of one user makes about 40 pages of 1 MB; whatever needs more is no run's window.
MAX_PAGES = 400
_ABSENT = ("NoSuchKey", "404")
_EXPIRED = (
    "ExpiredToken",
    "ExpiredTokenException",
    "RequestExpired",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
)


def explain(what: str, error: Exception) -> SourceError:
    """One line that names the thing and the remedy."""
    if isinstance(error, NoCredentialsError):
        return SourceError(f"{what}: no AWS credentials: set AWS_PROFILE, or sign in with `aws sso login`")
    if isinstance(error, ClientError):
        code = error.response.get("Error", {}).get("Code", "Unknown")
        if code in _EXPIRED:
            return SourceError(f"{what}: the AWS credentials have expired or are refused ({code}): sign in again")
        if code.startswith("AccessDenied"):
            return SourceError(f"{what}: access denied: the role needs read access to it")
        return SourceError(f"{what}: {code}: {error.response.get('Error', {}).get('Message', '')}")
    return SourceError(f"{what}: {type(error).__name__}: {error}")


class S3RunObjects:
    """The run bucket in S3."""

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def get(self, key: str) -> bytes | None:
        """The object's body, or None; TOO_LARGE where it is none of the batch's."""
        try:
            return read_object(self._client.get_object(Bucket=self._bucket, Key=key)["Body"], key)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in _ABSENT:
                return None
            raise explain(f"s3://{self._bucket}/{key}", error) from error
        except BotoCoreError as error:
            raise explain(f"s3://{self._bucket}/{key}", error) from error

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """The bodies in the order of the keys."""
        if not keys:
            return []
        with ThreadPoolExecutor(min(READERS, len(keys))) as readers:
            return list(readers.map(self.get, keys))

    def list_keys(self, prefix: str) -> list[str]:
        """The keys below `prefix`."""
        return [item["Key"] for page in self._pages(Prefix=prefix) for item in page.get("Contents", [])]

    def list_run_ids(self) -> list[str]:
        """The runs; dry runs, which have no account, are left out."""
        prefixes = [
            item["Prefix"].split("/")[1]
            for page in self._pages(Prefix="runs/", Delimiter="/")
            for item in page.get("CommonPrefixes", [])
        ]
        return sorted(run_id for run_id in prefixes if not is_dry_run(run_id))

    def _pages(self, **request: str) -> Iterator[dict[str, Any]]:
        try:
            yield from self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, **request)
        except (ClientError, BotoCoreError) as error:
            raise explain(f"s3://{self._bucket}", error) from error


class RateLimit:
    """At most `per_second` calls a second over all threads."""

    def __init__(
        self,
        per_second: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._interval = 1 / per_second
        self._clock = clock
        self._sleep = sleep
        self._next = 0.0
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Return when it is this call's turn."""
        with self._lock:
            now = self._clock()
            turn = max(now, self._next)
            self._next = turn + self._interval
        if turn > now:
            self._sleep(turn - now)


class CloudWatchRunLogs:
    """FilterLogEvents over the functions' log groups.

    https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html: a page may be
    empty and still have a successor.
    """

    def __init__(self, client: Any, groups: dict[str, str], limit: RateLimit | None) -> None:
        self._client = client
        self._groups = groups
        self._limit = limit

    def search(self, function: str, pattern: str, start: float, end: float) -> Iterator[LogLine]:
        """The lines of the function, page by page."""
        group = self._groups[function]
        request = {
            "logGroupName": group,
            "startTime": int(start * 1000),
            "endTime": int(end * 1000) + 1,
            "filterPattern": pattern,
        }
        for page_number in itertools.count(1):
            if self._limit is not None:
                self._limit.wait()
            try:
                page = self._client.filter_log_events(**request)
            except (ClientError, BotoCoreError) as error:
                raise explain(f"log group {group}", error) from error
            for event in page.get("events", []):
                yield LogLine(
                    event["timestamp"] / 1000,
                    event.get("logStreamName", ""),
                    event["message"],
                    event.get("eventId", ""),
                )
            if not page.get("nextToken"):
                return
            if page_number == MAX_PAGES:
                raise SourceError(f"log group {group}: more than {MAX_PAGES} pages of lines: look at a single run")
            request["nextToken"] = page["nextToken"]


class XRayRunTraces:
    """BatchGetTraces."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def get(self, trace_id: str) -> list[dict[str, Any]] | None:
        """The trace's documents."""
        try:
            request: dict[str, Any] = {"TraceIds": [trace_id]}
            documents: list[dict[str, Any]] = []
            while True:
                page = self._client.batch_get_traces(**request)
                for trace in page["Traces"]:
                    documents += [read_segment(segment["Document"]) for segment in trace["Segments"]]
                if not page.get("NextToken"):
                    return documents or None
                request["NextToken"] = page["NextToken"]
        except (ClientError, BotoCoreError, ValueError) as error:
            raise explain(f"trace {trace_id}", error) from error


def read_segment(text: str) -> dict[str, Any]:
    """A segment document of X-Ray. Raises ValueError."""
    return dict(read_mapping(decode_json(text)))
