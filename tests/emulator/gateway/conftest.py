"""A gateway with fakes behind it, and boto3 clients that call it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from emulator.gateway import Gateway, ServiceCall
from emulator.identity import Identity
from emulator.services.kinesis import KinesisService
from emulator.services.moto import Moto
from tests.emulator.gateway.fakes import FakeService
from tests.emulator.gateway.loop_thread import LoopThread

MakeClient = Callable[..., Any]


@pytest.fixture(scope="session")
def loop_thread() -> Iterator[LoopThread]:
    thread = LoopThread()
    yield thread
    thread.close()


@pytest.fixture(scope="session")
def moto_url(loop_thread: LoopThread, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    log: Path = tmp_path_factory.mktemp("moto") / "moto.log"
    moto = Moto(Identity(), log)
    yield loop_thread.run(moto.start())
    loop_thread.run(moto.stop())


@pytest.fixture
def states() -> FakeService:
    return FakeService()


@pytest.fixture
def functions() -> FakeService:
    return FakeService()


@pytest.fixture
def mappings() -> FakeService:
    return FakeService()


@pytest.fixture
def stacks() -> FakeService:
    return FakeService()


@pytest.fixture
def kinesis() -> KinesisService:
    return KinesisService(Identity())


@pytest.fixture
def gateway_url(
    loop_thread: LoopThread,
    moto_url: str,
    states: FakeService,
    functions: FakeService,
    mappings: FakeService,
    kinesis: KinesisService,
    stacks: FakeService,
) -> Iterator[str]:
    services: dict[str, ServiceCall] = {
        "states": states,
        "lambda": functions,
        "kinesis": kinesis,
        "event-source-mappings": mappings,
        "cloudformation": stacks,
    }
    gateway = Gateway(services, moto_url)
    yield loop_thread.run(gateway.start())
    loop_thread.run(gateway.close())


@pytest.fixture
def client(gateway_url: str) -> Iterator[MakeClient]:
    made = []

    def make(service: str, **config: Any) -> Any:
        each = boto3.client(
            service,  # type: ignore[call-overload] # the name is a variable
            endpoint_url=gateway_url,
            region_name="us-east-1",
            aws_access_key_id="local",
            aws_secret_access_key="local",
            config=Config(retries={"total_max_attempts": 1}, **config),
        )
        made.append(each)
        return each

    yield make
    for each in made:
        each.close()
