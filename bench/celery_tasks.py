"""The batch as teams write it with Celery: a task a user, a pooled session, a pooled connection, a row a task."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from queue import LifoQueue
from typing import Any

import pymysql
import requests
from celery import Celery
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from bench.contract import Database
from bench.points import RETRIED_STATUSES, UPSERT, connect, make_row

GREENLETS = 200
DATABASE_CONNECTIONS = 30  # a worker
TIMEOUT_SECONDS = 10

app = Celery("bench", broker=os.environ.get("BENCH_BROKER_URL", "memory://"))
app.conf.update(
    task_ignore_result=True,
    worker_prefetch_multiplier=4,
    broker_connection_retry_on_startup=True,
    worker_send_task_events=False,
    worker_hijack_root_logger=False,
    worker_disable_rate_limits=True,
)


@app.task(name="bench.sync_points")  # type: ignore[untyped-decorator]
def sync_points(user_id: str) -> None:
    """Fetches one user's points and writes the row."""
    response = open_session().get(
        f"{os.environ['BENCH_PARTNER_API_URL']}/v1/users/{user_id}/points", timeout=TIMEOUT_SECONDS
    )
    response.raise_for_status()
    row = make_row(user_id, response.content, time.time_ns() // 1_000_000)
    with borrow_connection() as connection, connection.cursor() as cursor:
        cursor.execute(UPSERT, row)


@cache
def open_session() -> requests.Session:
    """One session a worker process: its connections are kept alive."""
    session = requests.Session()
    session.trust_env = False  # else each call reads the whole environment for proxies
    retry = Retry(total=4, status_forcelist=RETRIED_STATUSES, backoff_factor=0.1, respect_retry_after_header=True)
    session.mount("http://", HTTPAdapter(pool_connections=1, pool_maxsize=GREENLETS, max_retries=retry))
    return session


@cache
def open_pool() -> "LifoQueue[pymysql.connections.Connection[Any] | None]":
    """One pool a worker process; None stands for a connection that is not open yet."""
    pool: LifoQueue[pymysql.connections.Connection[Any] | None] = LifoQueue()
    for _ in range(DATABASE_CONNECTIONS):
        pool.put(None)
    return pool


@contextmanager
def borrow_connection() -> "Iterator[pymysql.connections.Connection[Any]]":
    """A pooled connection; waits until one is free, and forgets one that failed."""
    pool = open_pool()
    connection = pool.get()
    try:
        if connection is None:
            connection = connect(Database.parse(os.environ["BENCH_DATABASE_URL"]))
        yield connection
    except pymysql.err.Error:
        connection = None
        raise
    finally:
        pool.put(connection)
