"""Celery with Redis, as a contender: a private broker, two gevent workers, from the first enqueue to the last row."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.contract import ContenderArguments, ContenderResult, parse_contender_arguments
from bench.points import connect, count_rows

WORKERS = 2
POLL_SECONDS = 0.05
START_TIMEOUT_SECONDS = 60
STALL_TIMEOUT_SECONDS = 60
# util-linux's way to have the kernel kill a child whose parent is gone.
DIE_WITH_PARENT = ("setpriv", "--pdeathsig", "KILL")
ROOT = Path(__file__).resolve().parents[1]


class CeleryRunError(RuntimeError):
    """The broker or a worker did not start, or rows stopped coming; the message says where to look."""


def run_celery(arguments: ContenderArguments) -> ContenderResult:
    """One run on fresh workers."""
    with tempfile.TemporaryDirectory(prefix="bench-celery-") as folder, contextlib.ExitStack() as stack:
        broker_url = stack.enter_context(start_broker(Path(folder)))
        os.environ |= {
            "BENCH_BROKER_URL": broker_url,
            "BENCH_PARTNER_API_URL": arguments.partner_api_url,
            "BENCH_DATABASE_URL": arguments.database.to_url(),
        }
        from bench.celery_tasks import app, sync_points  # noqa: PLC0415 (it reads the broker's URL)

        stack.enter_context(start_workers(Path(folder)))
        wait_until(lambda: len(app.control.ping(timeout=0.5)) == WORKERS, START_TIMEOUT_SECONDS, f"{WORKERS} workers")
        started_at, started = time.time(), time.monotonic()
        with connect(arguments.database) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT user_id FROM users WHERE active = 1 ORDER BY user_id")
            user_ids = [row[0] for row in cursor.fetchall()]
        with app.producer_pool.acquire(block=True) as producer:
            for user_id in user_ids:
                sync_points.apply_async((user_id,), producer=producer)
        wait_for_rows(arguments, len(user_ids))
        seconds = time.monotonic() - started
        return ContenderResult(len(user_ids), count_rows(arguments.database), seconds, started_at)


@contextlib.contextmanager
def start_broker(folder: Path) -> Iterator[str]:
    """The URL of a Redis server of our own on a socket, without persistence."""
    program = shutil.which("redis-server")
    if program is None:
        raise CeleryRunError("redis-server was not found: apt-get install redis-server, or leave celery out by --only")
    path = folder / "redis.sock"
    command = [*DIE_WITH_PARENT, program, "--port", "0", "--unixsocket", str(path), "--save", "", "--appendonly", "no"]
    with (folder / "redis.log").open("wb") as log, stop_at_end([subprocess.Popen(command, stdout=log, stderr=log)]):
        wait_until(path.exists, START_TIMEOUT_SECONDS, "redis-server's socket")
        yield f"redis+socket://{path}"


@contextlib.contextmanager
def start_workers(folder: Path) -> Iterator[None]:
    """Worker processes with a pool of greenlets each."""
    from bench.celery_tasks import GREENLETS  # noqa: PLC0415

    processes = []
    with (folder / "workers.log").open("wb") as log:
        for number in range(WORKERS):
            command = [
                *DIE_WITH_PARENT,
                sys.executable,
                "-m",
                "celery",
                "-A",
                "bench.celery_tasks",
                "worker",
                "--pool",
                "gevent",
            ]
            command += [
                "--concurrency",
                str(GREENLETS),
                "--loglevel",
                "ERROR",
                "--hostname",
                f"bench{number}@localhost",
            ]
            command += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
            processes.append(subprocess.Popen(command, stdout=log, stderr=log, cwd=ROOT))
        with stop_at_end(processes):
            try:
                yield
            except CeleryRunError as error:
                lines = (folder / "workers.log").read_text(errors="replace").splitlines()[-20:]
                raise CeleryRunError("\n".join([str(error), *lines])) from error


@contextlib.contextmanager
def stop_at_end(processes: "list[subprocess.Popen[bytes]]") -> Iterator[None]:
    """Ends the processes when the block does, whatever happens in it."""
    try:
        yield
    finally:
        for process in processes:
            # A worker ends its tasks at the first SIGTERM; the broker may be gone by then, so it is given a bound.
            process.send_signal(signal.SIGTERM)
        for process in processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_for_rows(arguments: ContenderArguments, wanted: int) -> None:
    """Until every user has a row; gives up where none came for a while."""
    last, since = 0, time.monotonic()
    with connect(arguments.database) as connection, connection.cursor() as cursor:
        while last < wanted:
            cursor.execute("SELECT COUNT(*) FROM loyalty_points")
            (count,) = cursor.fetchone() or (0,)
            if count > last:
                last, since = count, time.monotonic()
            elif time.monotonic() - since > STALL_TIMEOUT_SECONDS:
                raise CeleryRunError(f"{last} of {wanted} rows, and no more for {STALL_TIMEOUT_SECONDS} s")
            time.sleep(POLL_SECONDS)


def wait_until(is_there: Callable[[], bool], seconds: float, what: str) -> None:
    """Until the condition holds. Raises CeleryRunError when the time is over."""
    deadline = time.monotonic() + seconds
    while not is_there():
        if time.monotonic() > deadline:
            raise CeleryRunError(f"{what}: not there after {seconds:g} s")
        time.sleep(POLL_SECONDS)


def main() -> None:
    """Runs once and prints the result."""
    # SIGTERM unwinds the stack, so that broker and workers end too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    run_celery(parse_contender_arguments("All users by Celery, a task each.")).print_json()


if __name__ == "__main__":
    main()
