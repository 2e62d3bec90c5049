"""What a run leaves behind in bucket, stream and database, for comparing two engines that ran the same event."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.local.background_stack import BackgroundStack

EVENTS = Path(__file__).resolve().parents[2] / "events"
USERS = 5  # as many as the sample events speak of
# Calls a function by its folder's name with an event.
Invoke = Callable[[str, object], Any]
FUNCTIONS = {
    "list_users": "ListUsersFunction",
    "sync_users": "SyncUsersFunction",
    "write_rows": "WriteRowsFunction",
    "close_run": "CloseRunFunction",
    "migrate_schema": "MigrateSchemaFunction",
}

STEPS = [path.stem for path in sorted((EVENTS.parent / "migrations").glob("*.sql"))]


def read_sample(function: str) -> Any:
    """The sample event of events/."""
    (path,) = EVENTS.glob(f"[0-9][0-9]-{function}.json")
    return json.loads(path.read_text())


class RunState:
    """The stack's bucket, stream and tables."""

    def __init__(self, stack: BackgroundStack) -> None:
        self._stack = stack
        self._bucket = stack.stack.stack.outputs["RunBucketName"]
        self._stream = stack.stack.stack.outputs["RowStreamName"]
        self._s3, self._kinesis = stack.client("s3"), stack.client("kinesis")

    def clear(self) -> None:
        """Forget every run."""
        for key in self.objects():
            self._s3.delete_object(Bucket=self._bucket, Key=key)
        for table in ("loyalty_points", "batch_write", "batch_run"):
            self._stack.query(f"DELETE FROM {table}")

    def objects(self) -> dict[str, Any]:
        """{key: content} of the bucket."""
        listed = self._s3.list_objects_v2(Bucket=self._bucket).get("Contents", [])
        return {
            item["Key"]: json.loads(self._s3.get_object(Bucket=self._bucket, Key=item["Key"])["Body"].read())
            for item in listed
        }

    def rows(self) -> list[tuple[Any, ...]]:
        """The job's table."""
        return self._stack.query("SELECT * FROM loyalty_points ORDER BY user_id")

    def ledger(self) -> list[tuple[Any, ...]]:
        """The account of the runs, without its times."""
        return self._stack.query(
            "SELECT run_id, status, users_listed, rows_written, users_failed, users_missing FROM batch_run"
        )

    def records(self) -> list[dict[str, Any]]:
        """Every record of the stream, oldest first."""
        shard = self._kinesis.list_shards(StreamName=self._stream)["Shards"][0]["ShardId"]
        iterator = self._kinesis.get_shard_iterator(
            StreamName=self._stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        return [json.loads(record["Data"]) for record in self._kinesis.get_records(ShardIterator=iterator)["Records"]]
