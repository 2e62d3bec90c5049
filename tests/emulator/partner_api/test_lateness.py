"""The partner says how late it was, so that its counts can be judged on a busy machine."""

import asyncio
import time

from emulator.partner_api.account import Account
from emulator.partner_api.lateness import TICK_SECONDS, watch_lateness

_BLOCKED_SECONDS = 0.1


def test_lateness_is_told_when_the_loop_was_kept_from_its_work() -> None:
    async def run() -> float:
        told: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        watching = asyncio.ensure_future(watch_lateness(told.set_result))
        await asyncio.sleep(0)  # it waits from here on
        time.sleep(_BLOCKED_SECONDS)
        seconds = await told
        watching.cancel()
        return seconds

    assert asyncio.run(run()) >= _BLOCKED_SECONDS - TICK_SECONDS


def test_account_keeps_the_greatest_lateness_until_it_is_reset() -> None:
    account = Account()
    for seconds in (0.01, 0.3, 0.02):
        account.note_lateness(seconds)

    assert account.summarise()["late_seconds_max"] == 0.3

    account.reset(keep_versions=True)

    assert account.summarise()["late_seconds_max"] == 0
