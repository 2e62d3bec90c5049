"""DynamoDB's items stay whole under concurrency, through the gateway as on AWS.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/BestPractices_ImplementingVersionControl.html
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from botocore.exceptions import ClientError

from emulator.gateway import Gateway
from tests.emulator.gateway.conftest import MakeClient

_KEY = {"id": {"S": "limit"}}
_WRITERS, _ROUNDS = 16, 10


@pytest.fixture
def dynamodb(client: MakeClient) -> Any:
    return client("dynamodb", max_pool_connections=_WRITERS)


@pytest.fixture
def table(dynamodb: Any, request: pytest.FixtureRequest) -> str:
    name = f"table-{abs(hash(request.node.name)):x}"
    dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return name


def _is_done(write: Callable[[], Any]) -> bool:
    try:
        write()
    except ClientError as error:
        assert error.response["Error"]["Code"] == "ConditionalCheckFailedException"  # noqa: PT017
        return False
    return True


def test_conditional_update_has_one_winner_a_round_when_many_race(dynamodb: Any, table: str) -> None:
    # GIVEN many writers that all have read the same version
    def update(number: int) -> bool:
        return _is_done(
            lambda: dynamodb.update_item(
                TableName=table,
                Key=_KEY,
                UpdateExpression="SET version = :next",
                ConditionExpression="version = :seen" if number else "attribute_not_exists(version)",
                ExpressionAttributeValues={
                    ":next": {"N": str(number + 1)}, **({":seen": {"N": str(number)}} if number else {}),
                },
            )
        )  # fmt: skip

    # THEN one of them writes the next, each time
    with ThreadPoolExecutor(_WRITERS) as pool:
        winners = [list(pool.map(update, [number] * _WRITERS)).count(True) for number in range(_ROUNDS)]
    assert winners == [1] * _ROUNDS


def test_conditional_put_has_one_winner_when_many_race(dynamodb: Any, table: str) -> None:
    def put(number: int) -> bool:
        item = {"id": {"S": f"item-{number // _WRITERS}"}, "by": {"N": str(number)}}
        return _is_done(
            lambda: dynamodb.put_item(TableName=table, Item=item, ConditionExpression="attribute_not_exists(id)")
        )

    with ThreadPoolExecutor(_WRITERS) as pool:
        assert list(pool.map(put, range(_WRITERS * _ROUNDS))).count(True) == _ROUNDS


def test_no_addition_is_lost_when_many_add_without_a_condition(dynamodb: Any, table: str) -> None:
    def add(_: int) -> int:
        answer = dynamodb.update_item(
            TableName=table,
            Key=_KEY,
            UpdateExpression="ADD spent :one",
            ExpressionAttributeValues={":one": {"N": "1"}},
            ReturnValues="UPDATED_NEW",
        )
        return int(answer["Attributes"]["spent"]["N"])

    with ThreadPoolExecutor(_WRITERS) as pool:
        seen = list(pool.map(add, range(_WRITERS * _ROUNDS)))
    # THEN every writer has seen a value of its own
    assert sorted(seen) == list(range(1, _WRITERS * _ROUNDS + 1))


def test_read_never_sees_half_an_update_when_it_races_one(dynamodb: Any, table: str) -> None:
    # GIVEN an item whose attributes are always written together
    names = [f"a{number}" for number in range(20)]
    update = "SET " + ", ".join(f"{name} = :value" for name in names)

    def write(number: int) -> None:
        values = {":value": {"N": str(number)}}
        dynamodb.update_item(TableName=table, Key=_KEY, UpdateExpression=update, ExpressionAttributeValues=values)

    def read(_: int) -> set[str]:
        item = dynamodb.get_item(TableName=table, Key=_KEY, ConsistentRead=True)["Item"]
        return {item[name]["N"] for name in names}

    write(0)
    with ThreadPoolExecutor(_WRITERS) as pool:
        written, read_back = pool.map(write, range(80)), pool.map(read, range(80))
        list(written)
        assert {len(values) for values in read_back} == {1}


def test_second_request_waits_for_the_first_when_both_are_for_dynamodb() -> None:
    # Threads of moto seldom meet in the same item; this does not depend on luck.
    asyncio.run(_hold_the_first())


async def _hold_the_first() -> None:
    arrived: list[str] = []
    release = asyncio.Event()

    async def answer(request: web.BaseRequest) -> web.Response:
        arrived.append(request.headers.get("X-Amz-Target", "other").rpartition(".")[2])
        if "X-Amz-Target" in request.headers:
            await release.wait()
        return web.Response()

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    gateway = Gateway({}, f"http://127.0.0.1:{runner.addresses[0][1]}")
    url = await gateway.start()
    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:

        async def post(target: str) -> None:
            async with session.post(url, headers={"X-Amz-Target": f"DynamoDB_20120810.{target}"}) as response:
                assert response.status == 200

        # GIVEN a write under way at the server and a read that the gateway has got
        for number, target in enumerate(("UpdateItem", "GetItem"), start=1):
            group.create_task(post(target))
            while gateway.calls["unsigned"] < number:
                await asyncio.sleep(0)
        # THEN the read is not there yet when a later request of another service is
        async with session.get(url):
            pass
        before = list(arrived)
        release.set()
    await gateway.close()
    await runner.cleanup()
    assert (before, arrived) == (["UpdateItem", "other"], ["UpdateItem", "other", "GetItem"])
