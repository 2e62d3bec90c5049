"""One engine, one stack and one `sam build` for all tests here. What does not start fails them: nothing is skipped."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from batchctl.local.options import LocalOptions
from emulator.gateway.client_environment import client_environment
from emulator.identity import Identity
from emulator.services.run_directory import RunDirectory
from tests.local.background_stack import BackgroundStack
from tests.sam.engine import ContainerEngine
from tests.sam.forwarder import Forwarder
from tests.sam.run_state import FUNCTIONS, USERS, Invoke, RunState
from tests.sam.sam_cli import ARCHITECTURE, PYTHON_VERSION, SamCli
from tests.sam.sam_local import SamLocal
from tests.sam.stand_in_image import REPOSITORY, image_tag, prepare_image


@pytest.fixture(scope="session")
def stack() -> Iterator[BackgroundStack]:
    """A running stack whose stream nobody reads, so that a record stays where a function has put it."""
    options = LocalOptions(users=USERS, api_latency_ms=5, parameters={"CloseRunWaitSeconds": "1"}, migrates=True)
    with BackgroundStack(options) as running:
        running.client("lambda").update_event_source_mapping(
            UUID=running.stack.stack.outputs["RowStreamMappingId"], Enabled=False
        )
        yield running


@pytest.fixture
def state(stack: BackgroundStack) -> RunState:
    """The stack's bucket, stream and tables, with no run in them."""
    run_state = RunState(stack)
    run_state.clear()
    return run_state


@pytest.fixture(scope="session")
def in_emulator(stack: BackgroundStack) -> Invoke:
    """Invokes a function of the emulator's, by boto3."""
    client = stack.client("lambda")

    def invoke(function: str, event: object) -> Any:
        name = stack.stack.stack.resources[FUNCTIONS[function]].physical_id
        answer = client.invoke(FunctionName=name, Payload=json.dumps(event))
        return json.loads(answer["Payload"].read())

    return invoke


@pytest.fixture(scope="session")
def engine() -> Iterator[ContainerEngine]:
    """A Docker engine."""
    with ContainerEngine() as running:
        yield running


@pytest.fixture(scope="session")
def work_dir() -> Iterator[Path]:
    """SAM CLI's home and what it builds; a short path."""
    directory = RunDirectory("xb-sam-")
    yield directory.path
    directory.remove()


@pytest.fixture(scope="session")
def sam(engine: ContainerEngine, stack: BackgroundStack, work_dir: Path) -> SamCli:
    """SAM CLI, told of the engine and of the emulator's endpoint."""
    environment = client_environment(stack.stack.emulator.url, Identity())
    return SamCli(work_dir, {**environment, "DOCKER_HOST": engine.url})


@pytest.fixture(scope="session")
def sam_local(engine: ContainerEngine, stack: BackgroundStack, sam: SamCli) -> Iterator[SamLocal]:
    """The built functions, ready for `sam local`: the image is there and knows the way to the emulator."""
    gateway = urlsplit(stack.stack.emulator.url).port or 0
    partner = urlsplit(stack.stack.partner_api_url).port or 0
    database = stack.stack.database.port
    image = prepare_image(PYTHON_VERSION)
    with Forwarder(engine.address, [gateway, partner, database]) as forwarder:
        # SAM CLI hands on a function's own variables only, so the image says where AWS is.
        endpoint = f"http://{engine.address}:{forwarder.ports[gateway]}"
        changes = ["WORKDIR /var/task", f"ENV AWS_ENDPOINT_URL={endpoint} AWS_EC2_METADATA_DISABLED=true"]
        engine.api.import_image(image, REPOSITORY, image_tag(PYTHON_VERSION, ARCHITECTURE), changes)
        variables = sam.work_dir / "variables.json"
        variables.write_text(
            json.dumps(
                {
                    logical_id: {
                        **_variables_of(stack, logical_id),
                        "DATABASE_HOST": engine.address,
                        "DATABASE_PORT": str(forwarder.ports[database]),
                        "PARTNER_API_URL": f"http://{engine.address}:{forwarder.ports[partner]}",
                    }
                    for logical_id in FUNCTIONS.values()
                }
            )
        )
        yield SamLocal(sam, sam.build(), variables)


def _variables_of(stack: BackgroundStack, logical_id: str) -> dict[str, str]:
    """What the stack has given the function: names of buckets and the like, which SAM CLI does not know."""
    name = stack.stack.stack.resources[logical_id].physical_id
    configuration = stack.client("lambda").get_function_configuration(FunctionName=name)
    variables: dict[str, str] = configuration["Environment"]["Variables"]
    return variables
