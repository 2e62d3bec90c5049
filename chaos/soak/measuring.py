"""One sample of everything that may grow: processes, connections, rows, objects, and what the emulator keeps."""

import asyncio
import gc
import os
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from chaos.soak.growth import Kind
from chaos.soak.holdings import count_files, read_holding
from chaos.soak.stepped_calendar import SteppedCalendar
from chaos.stage import Stage
from emulator.retention.calendar import DAY_SECONDS

SETTLE_SECONDS = 0.5
TABLES = ("batch_run", "batch_write")
JOB_TABLES = ("users", "loyalty_points")
PREFIXES = ("runs", "rejected", "control")

MEMORY = Kind("MB", 1.5, 0.005, "it lives from the first run to the last, and an allocator takes pages in steps")
SERVER_MEMORY = Kind("MB", 4, 0.05, "faults start it again, after which it fills its caches anew")
FUNCTION_MEMORY = Kind(
    "MB", 2, 0.05, "environments come and go by faults, so that the oldest is now older, now younger"
)
HANDLES = Kind("", 4, 0.1, "pools of connections and threads are larger just after a fault that made many wait")
KEPT = Kind("", 10, 0.15, "a day of runs more or less: expiry is at midnight, and runs with a redrive leave more")
BYTES = Kind("MB", 2, 0.15, "as above; log files are written anew when a quarter of them is old")
CONSTANT = Kind("", 0, 0, "as many as users, or as releases that are live")
FILES = Kind("", 12, 0, "log files are begun anew, and environments come and go with a directory each")
BEYOND = Kind("", 0, 0, "nothing may be there that its retention ended", limit=0)

Sample = dict[str, float]
KINDS: dict[str, Kind] = {}  # of each measure that was ever sampled, in the order of the table


async def settle(stage: Stage) -> None:
    """Return when what is due has gone and nobody works."""
    await stage.drain()
    await stage.stack.emulator.retention.sweep()
    gc.collect()
    await asyncio.sleep(SETTLE_SECONDS)


async def take_sample(stage: Stage, calendar: SteppedCalendar, between: timedelta) -> Sample:
    """{measure: value} of this moment."""
    sample = _Sample()
    _measure_processes(stage, sample)
    await _measure_database(stage, sample, calendar, between)
    await _measure_objects(stage, sample, calendar, between)
    await _measure_emulator(stage, sample)
    return sample.values


class _Sample:
    """Values, each under its kind."""

    def __init__(self) -> None:
        self.values: Sample = {}

    def add(self, name: str, kind: Kind, value: float) -> None:
        """The largest where there are several."""
        KINDS.setdefault(name, kind)
        self.values[name] = max(value, self.values.get(name, value))


def _measure_processes(stage: Stage, sample: _Sample) -> None:
    emulator, stack = stage.stack.emulator, stage.stack
    environments = emulator.functions.pids_by_function()
    owners: list[tuple[str, Kind, list[int | None]]] = [
        ("emulator", MEMORY, [os.getpid()]),
        ("moto", MEMORY, [emulator.moto.pid]),
        ("zygote", MEMORY, [emulator.functions.zygote_pid]),
        ("MariaDB", SERVER_MEMORY, [stage.mariadb.pid]),
        ("partner API", SERVER_MEMORY, [stage.partner.pid]),
    ]
    prefix = f"express-batch-{stack.tenant_group}-"
    owners += [(name.removeprefix(prefix), FUNCTION_MEMORY, list(pids)) for name, pids in sorted(environments.items())]
    for name, memory, pids in owners:
        for holding in (read_holding(pid) for pid in pids if pid is not None):
            if holding is None:
                continue
            sample.add(f"memory of {name}", memory, holding.megabytes)
            sample.add(f"open files of {name}", HANDLES, holding.files)
            sample.add(f"sockets of {name}", HANDLES, holding.sockets)
            sample.add(f"threads of {name}", HANDLES, holding.threads)
    sample.add("environments", HANDLES, sum(map(len, environments.values())))
    sample.add("asyncio tasks of emulator", HANDLES, len(asyncio.all_tasks()))
    sample.add("Python threads of emulator", HANDLES, threading.active_count())


async def _measure_database(stage: Stage, sample: _Sample, calendar: SteppedCalendar, between: timedelta) -> None:
    def ask(statement: str, *parameters: Any) -> float:
        return float(stage.database.query(statement, parameters)[0][0])

    def ask_all() -> None:
        listed = "SELECT COUNT(*) FROM information_schema.processlist WHERE command <> 'Daemon'"
        sample.add("connections of MariaDB", HANDLES, ask(listed))
        for table in JOB_TABLES:
            sample.add(f"rows of {table}", CONSTANT, ask(f"SELECT COUNT(*) FROM {table}"))  # noqa: S608
        for table in TABLES:
            sample.add(f"rows of {table}", KEPT, ask(f"SELECT COUNT(*) FROM {table}"))  # noqa: S608
        # A run that could not be closed has left its turn to the next one.
        oldest = _name_run(calendar.now() - DAY_SECONDS - 2 * between.total_seconds())
        for table in TABLES:
            old = ask(f"SELECT COUNT(*) FROM {table} WHERE run_id < %s", oldest)  # noqa: S608
            sample.add(f"rows of {table} beyond the retention", BEYOND, old)

    await asyncio.to_thread(ask_all)
    directory = Path(stage.mariadb.address.socket).parent
    files, megabytes = await asyncio.to_thread(count_files, directory)
    sample.add("files of MariaDB", FILES, files)
    sample.add("disk of MariaDB", BYTES, megabytes)


async def _measure_objects(stage: Stage, sample: _Sample, calendar: SteppedCalendar, between: timedelta) -> None:
    now = calendar.now()
    # S3's days end at midnight; a redrive's objects are as old as itself, and named for its run.
    oldest = _name_run(now - now % DAY_SECONDS - DAY_SECONDS - between.total_seconds())
    keys = await stage.list_keys("")
    found = Counter(key.partition("/")[0] for key in keys)
    for prefix in (*PREFIXES, *sorted(set(found) - set(PREFIXES))):
        sample.add(f"objects under {prefix}/", KEPT, found[prefix])
    old = sum(key.startswith("runs/") and key.split("/")[1] < oldest for key in keys)
    sample.add("objects beyond the retention", BEYOND, old)


async def _measure_emulator(stage: Stage, sample: _Sample) -> None:
    emulator = stage.stack.emulator
    sample.add("stream records", KEPT, emulator.kinesis.count_records())
    executions = emulator.state_machines.executions()
    sample.add("executions", KEPT, len(executions))
    sample.add("events of executions", KEPT, sum(len(list(each.history)) for each in executions))
    sample.add("trace documents", KEPT, emulator.xray.kept_documents)
    logs = emulator.functions.logs()
    sample.add("log lines in memory", KEPT, sum(len(log.events) for log in logs))
    files, megabytes = await asyncio.to_thread(count_files, stage.stack.work_dir)
    sample.add("files of emulator", FILES, files)
    sample.add("disk of emulator", BYTES, megabytes)
    outputs = stage.stack.stack.outputs
    for name in ("ListUsers", "SyncUsers", "WriteRows", "CloseRun"):
        function = outputs[f"{name}FunctionName"]
        versions = await emulator.aws.call("lambda", "ListVersionsByFunction", FunctionName=function)
        sample.add(f"versions of {name}", CONSTANT, len(versions["Versions"]))
    for queue in ("FailedRecordsQueue", "ScheduleDeadLetterQueue"):
        answer = await emulator.aws.call(
            "sqs",
            "GetQueueAttributes",
            QueueUrl=outputs[f"{queue}Url"],
            AttributeNames=["ApproximateNumberOfMessages"],
        )
        sample.add(f"messages in {queue}", KEPT, int(answer["Attributes"]["ApproximateNumberOfMessages"]))


def _name_run(moment: float) -> str:
    """The id of a run of that moment: run ids sort by their time."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y%m%dT%H%M%SZ")
