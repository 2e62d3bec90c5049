"""The gateway's count of what it was asked."""

import boto3

from emulator.gateway import Gateway
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
