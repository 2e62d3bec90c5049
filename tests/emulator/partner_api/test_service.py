"""What callers see of faults, caps and the account."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.emulator.partner_api.conftest import ServePartner


def test_account_keeps_the_last_good_answer_when_answers_change(serve: ServePartner) -> None:
    async def scenario() -> None:
        async with serve(changing=True) as partner:
            # GIVEN an API whose answers change
            client = await partner.connect()
            # WHEN a user is asked three times
            answers = [(await client.get_points("u1")).document for _ in range(3)]
            # THEN each differs, and the account holds the last one with the number of calls
            assert len({answer["points"] for answer in answers}) == 3
            lines = (await client.get("/_control/answers")).body.splitlines()
            assert [json.loads(line) for line in lines] == [{**answers[-1], "calls": 3}]

    asyncio.run(scenario())


@pytest.mark.parametrize(("fault", "status"), [("error_500", 500), ("error_502", 502), ("not_found", 404)])
def test_fault_leaves_no_answer_when_the_user_fails(serve: ServePartner, fault: str, status: int) -> None:
    async def scenario() -> None:
        async with serve(users={}) as partner:
            client = await partner.connect()
            # GIVEN a user that fails on its first attempt, set at run time
            change = {"users": {"u1": {"fault": fault, "first_attempts": 1}}}
            assert (await client.post("/_control/options", json.dumps(change).encode())).status == 200
            # WHEN it is called / THEN it fails on an open connection, counted by kind, and has no answer
            assert (await client.get_points("u1")).status == status
            stats = (await client.get("/_control/stats")).document
            assert (stats["outcomes"], stats["good"], stats["calls"]) == ({fault: 1}, 0, 1)
            assert (await client.get("/_control/answers")).body == b""
            # WHEN it is called again / THEN it is good
            assert (await client.get_points("u1")).status == 200
            assert (await client.get("/_control/users")).document == {"user_id": "u1", "calls": 2, "good": 1}

    asyncio.run(scenario())


def test_stats_tell_when_and_how_densely_the_calls_came(serve: ServePartner) -> None:
    async def scenario() -> None:
        async with serve(throttle_rate=1) as partner:
            client = await partner.connect()
            # GIVEN three calls, refused ones among those that count
            for number in range(3):
                await client.get_points(f"u{number}")
            # WHEN asked
            stats = (await client.get("/_control/stats")).document
            # THEN the densest second is told, and the first call is before the last
            assert 1 <= stats["calls_in_any_second_max_after_first"] + stats["calls_in_any_second_max"] <= 5
            assert 0 < stats["first_call_at"] < stats["last_call_at"] < stats["time"]
            # WHEN reset / THEN nothing is left of them
            await client.post("/_control/reset", b"{}")
            stats = (await client.get("/_control/stats")).document
            assert (stats["calls_in_any_second_max"], stats["first_call_at"], stats["last_call_at"]) == (0, 0, 0)

    asyncio.run(scenario())


def test_throttle_says_when_to_come_back(serve: ServePartner) -> None:
    async def scenario() -> None:
        async with serve(throttle_rate=1, retry_after_seconds=7) as partner:
            # GIVEN an API that throttles / WHEN called / THEN it says 429 and Retry-After in seconds
            response = await (await partner.connect()).get_points("u1")
            assert (response.status, response.headers["retry-after"]) == (429, "7")

    asyncio.run(scenario())


@pytest.mark.parametrize("fault", ["drop", "malformed_truncated_body"])
def test_connection_breaks_before_the_whole_answer_when_the_fault_says_so(serve: ServePartner, fault: str) -> None:
    async def scenario() -> None:
        async with serve() as partner:
            client = await partner.connect()
            # GIVEN a user whose connection breaks / WHEN called / THEN the answer is never whole
            change = json.dumps({"users": {"u1": {"fault": fault}}}).encode()
            await client.post("/_control/options", change)
            with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
                await client.get_points("u1")
            assert partner.service.account.outcomes == {fault: 1}

    asyncio.run(scenario())


def test_call_is_abandoned_when_the_client_gives_up_on_a_hanging_one(serve: ServePartner) -> None:
    async def scenario() -> None:
        async with serve(timeout_rate=1) as partner:
            account = partner.service.account
            # GIVEN a call that is never answered
            client = await partner.connect()
            client.send(b"GET /v1/users/u1/points HTTP/1.1\r\nHost: partner\r\n\r\n")
            other = await partner.connect()
            while (await other.get("/_control/stats")).document["in_flight"] == 0:
                pass
            # WHEN the client gives up
            client.writer.close()
            while account.in_flight:
                await other.get("/_control/stats")
            # THEN it is counted as abandoned, and nothing is in flight
            assert account.outcomes == {"abandoned": 1}
            assert account.in_flight_max == 1

    asyncio.run(scenario())


def test_calls_beyond_max_in_flight_are_refused(serve: ServePartner) -> None:
    async def scenario() -> None:
        async with serve(timeout_rate=1, max_in_flight=1) as partner:
            # GIVEN one call in flight
            client = await partner.connect()
            client.send(b"GET /v1/users/u1/points HTTP/1.1\r\nHost: partner\r\n\r\n")
            other = await partner.connect()
            while (await other.get("/_control/stats")).document["in_flight"] == 0:
                pass
            # WHEN another comes / THEN it gets 429, and does not count as in flight
            assert (await other.get_points("u2")).status == 429
            stats = (await other.get("/_control/stats")).document
            assert (stats["outcomes"], stats["in_flight_max"]) == ({"limit_in_flight": 1}, 1)

    asyncio.run(scenario())


def test_account_admits_no_more_than_the_rate_in_any_second(serve: ServePartner) -> None:
    async def scenario() -> None:
        async with serve() as partner:
            account = partner.service.account
            # GIVEN a rate of 5 a second / WHEN 6 calls come within one second of a given clock
            assert [account.admits_rate(10 + step / 10, 5) for step in range(6)] == [True] * 5 + [False]
            # THEN the next is admitted when the first one is a second old, and not before
            assert not account.admits_rate(10.99, 5)
            assert account.admits_rate(11.0, 5)
            assert not account.admits_rate(11.05, 5)

    asyncio.run(scenario())


def test_calls_beyond_max_calls_per_second_are_refused(serve: ServePartner) -> None:
    async def scenario() -> None:
        async with serve(max_calls_per_second=1) as partner:
            # GIVEN a cap of one call a second / WHEN ten come at once / THEN at least one is refused, as such
            client = await partner.connect()
            statuses = [(await client.get_points("u1")).status for _ in range(10)]
            assert statuses[0] == 200
            assert partner.service.account.outcomes["limit_calls_per_second"] == statuses.count(429) > 0

    asyncio.run(scenario())


@pytest.mark.parametrize("keep_versions", [False, True])
def test_reset_forgets_the_run_and_keeps_versions_when_asked(serve: ServePartner, *, keep_versions: bool) -> None:
    async def scenario() -> None:
        async with serve(changing=True) as partner:
            client = await partner.connect()
            # GIVEN a user with an answer
            before = (await client.get_points("u1")).document
            # WHEN reset
            body = json.dumps({"keep_versions": keep_versions}).encode()
            assert (await client.post("/_control/reset", body)).status == 200
            # THEN the account is empty, and the next answer is a later one only where versions were kept
            assert (await client.get("/_control/answers")).body == b""
            assert (await client.get("/_control/users")).body == b""
            assert (await client.get("/_control/stats")).document["calls"] == 0
            after = (await client.get_points("u1")).document
            assert (after["updated_at"] > before["updated_at"]) == keep_versions

    asyncio.run(scenario())


def test_answers_repeat_when_the_seed_is_the_same(serve: ServePartner) -> None:
    async def ask(seed: int) -> bytes:
        async with serve(seed=seed) as partner:
            return (await (await partner.connect()).get_points("u1")).body

    async def scenario() -> None:
        # GIVEN two servers of one seed and one of another / WHEN asked / THEN the first two agree
        assert await ask(1) == await ask(1) != await ask(2)

    asyncio.run(scenario())
