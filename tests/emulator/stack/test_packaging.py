"""A template that was packaged makes the stack of the one that it was made of."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from emulator.errors import AwsError
from emulator.identity import Identity
from emulator.stack import ArtifactError, StackPlan, load_stack, package_template
from tests.emulator.stack.fake_aws import FakeAws

_TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Globals: { Function: { CodeUri: code/, Runtime: python3.13 } }
Resources:
  Function:
    Type: AWS::Serverless::Function
    Properties: { Handler: app.handler, Role: arn:aws:iam::123456789012:role/r, Layers: [!Ref Layer] }
  Layer: { Type: AWS::Serverless::LayerVersion, Properties: { ContentUri: layer.zip } }
  Machine:
    Type: AWS::Serverless::StateMachine
    Properties: { DefinitionUri: machine.asl.json, Role: arn:aws:iam::123456789012:role/r }
"""


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """A template with code of each kind beside it."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "app.py").write_text("def handler(event, context): ...\n")
    (tmp_path / "layer.zip").write_bytes(b"PK layer")
    (tmp_path / "machine.asl.json").write_text("{}")
    path = tmp_path / "template.yaml"
    path.write_text(_TEMPLATE)
    return path


def make_plan(template: Path, objects: dict[tuple[str, str], bytes] | None) -> StackPlan:
    """The plan; with `objects` code is fetched out of them."""

    async def fetch(bucket: str, key: str) -> bytes:
        assert objects is not None
        if (bucket, key) not in objects:
            raise AwsError("NoSuchKey", "no such key", 404)
        return objects[bucket, key]

    return load_stack(
        template,
        {},
        stack_name="demo",
        identity=Identity(),
        cache_dir=template.parent / "cache",
        fetch=None if objects is None else fetch,
    )


def package(template: Path, folder: Path) -> tuple[Path, dict[tuple[str, str], bytes]]:
    """The packaged template in a folder without the code, and what is in the bucket."""
    body, contents = asyncio.run(package_template(template, "artifacts", folder / "cache"))
    folder.mkdir(exist_ok=True)
    packaged = folder / "packaged.yaml"
    packaged.write_text(json.dumps(body))
    return packaged, {("artifacts", key): content for key, content in contents.items()}


def list_code(plan: StackPlan) -> list[Any]:
    """What the services get as code."""
    aws = FakeAws()
    asyncio.run(plan.create(aws))
    return [
        aws.parameters("CreateFunction")["Code"],
        aws.parameters("PublishLayerVersion")["Content"],
        aws.parameters("CreateStateMachine")["definition"],
    ]


def test_packaged_template_gives_the_services_the_same_code_when_it_is_fetched(template: Path, tmp_path: Path) -> None:
    packaged, objects = package(template, tmp_path / "elsewhere")

    assert len(objects) == 3
    assert list_code(make_plan(packaged, objects)) == list_code(make_plan(template, None))


def test_create_names_the_object_when_it_is_not_there(template: Path, tmp_path: Path) -> None:
    packaged, objects = package(template, tmp_path / "elsewhere")
    (gone,) = [address for address in objects if address[1].startswith("Machine/")]
    del objects[gone]
    aws = FakeAws()

    with pytest.raises(ArtifactError, match=f"s3://artifacts/{gone[1]}: NoSuchKey"):
        asyncio.run(make_plan(packaged, objects).create(aws))
    assert aws.operations() == []
