"""The bare script retries as the product does, so that the comparison is fair."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from bench.bare_asyncio import fetch_points
from bench.points import make_row
from emulator.partner_api import PartnerApi, PartnerApiOptions, UserOverride


@pytest.mark.parametrize("fault", ["error_502", "throttle"])
def test_fetch_points_tries_again_when_the_answer_is_retryable(fault: str) -> None:
    async def scenario() -> None:
        # GIVEN a user whose first two calls fail
        users = {"u1": UserOverride(fault=fault, first_attempts=2)}
        api = PartnerApi(PartnerApiOptions(latency_ms=0, retry_after_seconds=0, users=users))
        async with aiohttp.ClientSession(await api.start()) as session:
            try:
                # WHEN fetched / THEN the third answer is had
                row = make_row("u1", await fetch_points(session, "u1"), 1)
                assert (row.user_id, (await api.stats())["calls"]) == ("u1", 3)
            finally:
                await api.stop()

    asyncio.run(scenario())


def test_fetch_points_raises_when_no_attempt_succeeds() -> None:
    async def scenario() -> None:
        # GIVEN an API that is down / WHEN fetched / THEN the last status is raised
        api = PartnerApi(PartnerApiOptions(latency_ms=0, error_rate=1))
        async with aiohttp.ClientSession(await api.start()) as session:
            try:
                with pytest.raises(aiohttp.ClientResponseError):
                    await fetch_points(session, "u1")
            finally:
                await api.stop()

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "body", [b"{}", b"[]", b"no", b'{"user_id": "u2", "points": 1}', b'{"user_id": "u1", "points": true}']
)
def test_make_row_refuses_an_answer_that_breaks_the_contract(body: bytes) -> None:
    # GIVEN a broken answer / WHEN made into a row / THEN it is refused
    with pytest.raises((ValueError, KeyError, TypeError)):
        make_row("u1", body, 1)
