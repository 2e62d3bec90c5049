"""The kill switch as an operator works it: an object in the run bucket, and the runs that it has stopped."""

import getpass
import json
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from botocore.config import Config
from botocore.exceptions import ClientError
from express_batch.claim import LONGEST_EXECUTION_SECONDS
from express_batch.run_layout import STOP_KEY, original_of
from express_batch.stop_switch import CHECK_SECONDS

from batchctl.redrive.bucket import Bucket
from batchctl.redrive.stack import BatchStack, explained
from batchctl.runs.figures import count_or_zero, seconds_or
from batchctl.runs.heads import CLOCK_SECONDS, is_execution_over, parse_object

STOP_VERSION = 1
STOPPED_REASON = "StoppedError"
# A run that was stopped had begun before the stop, by the longest life of an execution.
LONGEST_RUN_SECONDS = LONGEST_EXECUTION_SECONDS + CLOCK_SECONDS
READERS = 32


@dataclass(frozen=True)
class Stop:
    """The object: who has stopped the calls, when and why."""

    reason: str
    stopped_at: float  # seconds since 1970; of one that is read by S3's clock, not the operator's
    stopped_by: str
    version: int = STOP_VERSION


@dataclass(frozen=True)
class StoppedRuns:
    """What became of the runs that met the stop."""

    to_redrive: Mapping[str, int]  # by run id, the users that it or a redrive of it did not call for
    not_started: tuple[str, ...]
    going: tuple[str, ...]  # not closed yet
    died: tuple[str, ...] = ()  # nobody has closed them, nor will


class KillSwitch:
    """control/stop.json of one stack. All methods raise BatchctlError with the remedy."""

    def __init__(self, stack: BatchStack) -> None:
        self._client = stack.make_client("s3", config=Config(max_pool_connections=READERS))
        self._bucket = Bucket(self._client, stack.output("RunBucketName"))

    def read(self) -> Stop | None:
        """The stop that is in force, or None."""
        found = self._bucket.get_dated(STOP_KEY)
        if found is None:
            return None
        document = parse_object(found[0]) or {}
        return Stop(str(document.get("reason", "")), found[1], str(document.get("stopped_by", "")))

    def put_on(self, reason: str, *, now: Callable[[], float] = time.time) -> Stop:
        """Stop all calls; a stop that is in force already stays as it is."""
        stop = Stop(reason, round(now(), 3), find_user())
        with explained(f"s3://{self._bucket.name}/{STOP_KEY}"):
            try:
                self._client.put_object(
                    Bucket=self._bucket.name,
                    Key=STOP_KEY,
                    Body=json.dumps(asdict(stop)).encode(),
                    ContentType="application/json",
                    IfNoneMatch="*",
                )
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") not in ("PreconditionFailed", "412"):
                    raise
                return self.read() or stop
        return stop

    def take_off(self, *, sleep: Callable[[float], None] = time.sleep) -> None:
        """Let calls begin again. On return no environment holds the stop for true any more."""
        with explained(f"s3://{self._bucket.name}/{STOP_KEY}"):
            self._client.delete_object(Bucket=self._bucket.name, Key=STOP_KEY)
        sleep(CHECK_SECONDS)

    def find_runs(
        self, since: float, *, reason: str = STOPPED_REASON, now: Callable[[], float] = time.time
    ) -> StoppedRuns:
        """The runs that met a stop of that moment, or what else has left users out for `reason` since then."""
        run_ids = self._list_runs(since)
        keys = [f"runs/{run_id}/{name}.json" for run_id in run_ids for name in ("closed", "started")]
        with ThreadPoolExecutor(READERS) as readers:
            documents = [parse_object(body) for body in readers.map(self._bucket.get, keys)]
        to_redrive: dict[str, int] = {}
        not_started, going, died = list[str](), list[str](), list[str]()
        for run_id, closed, started in zip(run_ids, documents[::2], documents[1::2], strict=True):
            if closed is None:
                claimed_at = seconds_or((started or {}).get("claimed_at"), 0.0)
                (died if is_execution_over(claimed_at, now()) else going).append(run_id)
            elif closed.get("status") == "STOPPED":
                not_started.append(run_id)
            elif users := _count_failed(closed, reason):
                # A redrive's users are its run's, and redriving the run takes whoever is left over all of them.
                original = original_of(run_id)
                to_redrive[original] = max(users, to_redrive.get(original, 0))
        return StoppedRuns(to_redrive, tuple(not_started), tuple(going), tuple(died))

    def _list_runs(self, since: float) -> list[str]:
        """Runs that were started not long before `since`, by their first object's time: a redrive's id is older."""
        found = []
        # All of them: a redrive's id, and that of a run that was started by hand for an earlier time, are old.
        candidates = self._bucket.list_run_ids()
        with ThreadPoolExecutor(READERS) as readers:
            bodies = readers.map(self._bucket.get, [f"runs/{run_id}/started.json" for run_id in candidates])
        for run_id, body in zip(candidates, bodies, strict=True):
            claimed_at = (parse_object(body) or {}).get("claimed_at")
            if claimed_at is not None and seconds_or(claimed_at, 0.0) >= since - LONGEST_RUN_SECONDS:
                found.append(run_id)
        return found


def _count_failed(closed: Mapping[str, Any], reason: str) -> int:
    reasons = closed.get("failed_by_reason")
    return count_or_zero(reasons.get(reason)) if isinstance(reasons, Mapping) else 0


def find_user() -> str:
    """Who works the switch, or nothing."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""  # a container may have a user without a name
