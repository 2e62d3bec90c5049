"""The partner API: down, slow, half-open, malformed, another user's data, 10 MB."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

from chaos.scenario import COMPLETE, PARTIAL, Around, Scenario, meanwhile
from chaos.stage import Stage
from emulator.partner_api import UserOverride
from emulator.partner_api.account import GOOD

OUTAGE_SECONDS = 3.0
TEN_MEGABYTES = 10_000_000


def _behaving(name: str, fault: str | None = None, every: int = 50, **options: Any) -> Around:
    """Other options of the stand-in, and `fault` for one user in `every`."""

    @contextlib.asynccontextmanager
    async def around(stage: Stage, seed: int) -> AsyncIterator[None]:
        hit = [f"user-{number:07d}" for number in range(seed % every, stage.users, every)] if fault else []
        is_slow = "latency_ms" in options
        usual = {option: getattr(stage.partner.options, option) for option in options}
        await stage.partner.set_options(**options, users={user: UserOverride(fault=fault) for user in hit})
        before, began = await stage.partner_outcomes(), time.monotonic()
        try:
            yield
            outcomes = await stage.partner_outcomes() - before
            for outcome, calls in outcomes.items():
                for _ in range(calls if outcome != GOOD or is_slow else 0):
                    stage.faults.note(name, at=began)
        finally:
            await stage.partner.set_options(**usual, users=dict.fromkeys(hit))

    return around


@contextlib.asynccontextmanager
async def _down(stage: Stage, _seed: int) -> AsyncIterator[None]:
    await stage.remember_answers()
    await stage.partner.stop()

    async def come_back() -> None:
        await stage.listed.wait()
        began = time.monotonic()
        await asyncio.sleep(OUTAGE_SECONDS)
        # Whether the run still goes or has ended: it had nobody to call since it had listed its users.
        stage.faults.note("partner-down", at=began)
        await stage.partner.start()

    async with meanwhile(come_back()):
        yield


@contextlib.asynccontextmanager
async def _half_open(stage: Stage, _seed: int) -> AsyncIterator[None]:
    async def pause() -> None:
        await stage.listed.wait()
        stage.partner.pause()
        began = time.monotonic()
        try:
            await asyncio.sleep(OUTAGE_SECONDS)
            stage.note_if_held_up("partner-half-open", began)
        finally:
            stage.partner.resume()

    async with meanwhile(pause()):
        yield


async def _check_calls(_stage: Stage, calls: int) -> str:
    """Two runs of everybody's five attempts, where nobody stops calling."""
    most = 2 * 5 * _stage.users
    return f"{calls} calls of a partner that is down, {most} where nobody stops" if calls > most / 2 else ""


SCENARIOS = (
    Scenario(
        "partner-down",
        "nobody listens at the partner's address for 3 s",
        "retries; after two seconds the circuit opens: who is not answered by then is listed as failed, and redriven",
        _down,
        ends=(COMPLETE, PARTIAL),
    ),
    Scenario(
        "partner-down-for-long",
        "the partner answers 503 to everybody, in two runs",
        "the circuit opens and the calls end; the second run asks three users and no other; the redrive probes first",
        _behaving("partner-down-for-long", error_rate=1.0),
        ends=(PARTIAL,),
        runs=2,
        check=_check_calls,
    ),
    Scenario(
        "partner-slow",
        "an answer takes 1.5 s in place of 60 ms (the time-out is 2 s)",
        "all calls of a slice at once",
        _behaving("partner-slow", latency_ms=1500.0),
    ),
    Scenario(
        "partner-half-open",
        "for 3 s connections are accepted and nobody answers (the time-out is 2 s)",
        "time-out and retries; one time-out of all calls in flight opens no circuit",
        _half_open,
        ends=(COMPLETE, PARTIAL),
    ),
    Scenario(
        "partner-malformed",
        "3% of the users get answers that break the contract, 5xx and resets beside them",
        "those users alone are listed as failed, and redriven",
        _behaving("partner-malformed", malformed_rate=0.03, error_rate=0.05, drop_rate=0.03),
        is_quick=True,
        ends=(PARTIAL,),
    ),
    Scenario(
        "partner-answers-for-another",
        "one user in 50 gets another user's data",
        "the job compares the id; nobody's row is written from another's answer",
        _behaving("partner-answers-for-another", "malformed_other_user"),
        ends=(PARTIAL,),
    ),
    Scenario(
        "partner-answers-10-megabytes",
        "one user in 50 gets 10 MB",
        "an answer is read to 1 MB",
        _behaving("partner-answers-10-megabytes", "malformed_oversized", max_body=TEN_MEGABYTES),
        ends=(PARTIAL,),
    ),
)
