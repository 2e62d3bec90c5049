"""The gateway itself: what it counts, where it listens, what it says when moto is gone."""

import socket
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from emulator.gateway import Gateway, open_listener, url_of
from tests.emulator.gateway.fakes import FakeService
from tests.emulator.gateway.loop_thread import LoopThread


def test_calls_are_counted_by_service_and_operation_when_they_come(loop_thread: LoopThread, moto_url: str) -> None:
    # GIVEN a gateway
    gateway = Gateway({"states": FakeService({"ListStateMachines": {"stateMachines": []}})}, moto_url)
    url = loop_thread.run(gateway.start())
    session = boto3.Session(aws_access_key_id="local", aws_secret_access_key="local", region_name="us-east-1")
    states, sqs = session.client("stepfunctions", endpoint_url=url), session.client("sqs", endpoint_url=url)
    # WHEN an operation is answered here, and another by the fallback
    states.list_state_machines()
    sqs.list_queues()
    # THEN both are counted
    assert gateway.calls == {"states.ListStateMachines": 1, "sqs": 1}
    for each in (states, sqs):
        each.close()
    loop_thread.run(gateway.close())


def test_url_is_known_before_the_start_when_a_listener_is_given(loop_thread: LoopThread) -> None:
    listener = open_listener()
    gateway = Gateway({}, "http://127.0.0.1:9", listener=listener)
    assert loop_thread.run(gateway.start()) == url_of(listener)
    assert listener.getsockname()[0] == "127.0.0.1"
    loop_thread.run(gateway.close())


def test_port_is_free_again_when_the_gateway_is_closed(loop_thread: LoopThread) -> None:
    gateway = Gateway({}, "http://127.0.0.1:9")
    port = urlsplit(loop_thread.run(gateway.start())).port
    loop_thread.run(gateway.close())
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_answer_is_503_when_the_server_behind_is_gone(loop_thread: LoopThread) -> None:
    # GIVEN a gateway before a port where nobody listens
    nobody = open_listener()
    gateway = Gateway({}, f"http://127.0.0.1:{nobody.getsockname()[1]}")
    url = loop_thread.run(gateway.start())
    session = boto3.Session(aws_access_key_id="local", aws_secret_access_key="local", region_name="us-east-1")
    s3 = session.client("s3", endpoint_url=url, config=Config(retries={"total_max_attempts": 1}))
    # WHEN something is asked for, THEN the answer says so at once
    with pytest.raises(ClientError, match="503"):
        s3.list_buckets()
    s3.close()
    loop_thread.run(gateway.close())
    nobody.close()
