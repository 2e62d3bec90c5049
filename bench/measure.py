"""One contender's turn: run, measured from outside, believed only after every row was compared."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from bench.contenders import ROOT, Contender, ContenderError, read_outcome
from bench.process_tree import TreeSampler, read_cpu, read_machine_cpu
from bench.setting import Setting, seed_users, verify_rows

TURN_TIMEOUT_SECONDS = 1800
_STOP_SECONDS = 20
_DIE_WITH_PARENT = ("setpriv", "--pdeathsig", "KILL")  # it replaces itself by the contender


@dataclass(frozen=True)
class Turn:
    """Figures of one turn. CPU of the servers that all share is told apart from the contender's own."""

    contender: str
    users: int
    seconds: float
    users_per_second: float
    cpu_ms_per_user: float  # the contender's process tree, during the run
    cpu_ms_per_user_with_setup: float  # from its start to its end
    partner_api_cpu_ms_per_user: float
    mariadb_cpu_ms_per_user: float
    peak_memory_mb: float  # sum of the proportional set sizes of its process tree; MB of 1,000,000 bytes
    calls: int
    calls_in_flight_max: int
    other_load: (
        float  # share of the machine's cores that programs outside the bench used; above 0.1 figures are doubtful
    )


async def take_turn(setting: Setting, contender: Contender, users: int) -> Turn:
    """A verified turn on emptied tables. Raises ContenderError, WrongRowsError."""
    await asyncio.to_thread(seed_users, setting.database, users)
    await setting.partner_api.reset()
    mariadb_cpu = read_cpu(setting.mariadb.pid)[1]
    partner_cpu = (await setting.partner_api.stats())["cpu_seconds"]
    spawned_at, machine_cpu = time.time(), read_machine_cpu() - time.process_time()
    output, sampler = await _run(setting, contender, users)
    machine_cpu = read_machine_cpu() - time.process_time() - machine_cpu
    elapsed = time.time() - spawned_at
    outcome = read_outcome(contender.name, output)
    statistics = await setting.partner_api.stats()
    partner_cpu = statistics["cpu_seconds"] - partner_cpu
    mariadb_cpu = read_cpu(setting.mariadb.pid)[1] - mariadb_cpu
    other_cpu = machine_cpu - sampler.cpu_seconds - partner_cpu - mariadb_cpu
    await verify_rows(setting, users)
    started_at = outcome.started_at or spawned_at + outcome.setup_seconds
    per_user = 1000 / users
    return Turn(
        contender=contender.name,
        users=users,
        seconds=outcome.seconds,
        users_per_second=users / outcome.seconds,
        cpu_ms_per_user=sampler.cpu_between(started_at, started_at + outcome.seconds) * per_user,
        cpu_ms_per_user_with_setup=sampler.cpu_seconds * per_user,
        partner_api_cpu_ms_per_user=partner_cpu * per_user,
        mariadb_cpu_ms_per_user=mariadb_cpu * per_user,
        peak_memory_mb=sampler.peak_pss_bytes / 1_000_000,
        calls=statistics["calls"],
        calls_in_flight_max=statistics["in_flight_max"],
        other_load=max(0.0, other_cpu / elapsed / len(os.sched_getaffinity(0))),
    )


async def _run(setting: Setting, contender: Contender, users: int) -> tuple[str, TreeSampler]:
    command = [*contender.command, "--users", str(users)]
    command += ["--partner-api-url", setting.partner_api.url, "--database-url", setting.database.to_url()]
    if not Path(command[0]).is_file():
        raise ContenderError(f"{contender.name}: {command[0]} is not there; `make setup` makes it")
    process = await asyncio.create_subprocess_exec(
        *_DIE_WITH_PARENT,
        *command,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    sampler = TreeSampler(process.pid)
    try:
        output, errors = await asyncio.wait_for(process.communicate(), TURN_TIMEOUT_SECONDS)
    finally:
        sampler.stop()
        await _end(process)
    if process.returncode != 0:
        raise ContenderError(f"{contender.name} ended with {process.returncode}:\n{errors.decode()[-3000:]}")
    return output.decode(), sampler


async def _end(process: asyncio.subprocess.Process) -> None:
    """Ends a process that is still there: gently, so that it ends its own children."""
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    try:
        await asyncio.wait_for(process.wait(), _STOP_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
