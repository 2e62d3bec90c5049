"""docs/reference/stack-loader.md says what the loader provides."""

import pytest

from emulator.identity import Identity
from emulator.stack.intrinsics import Resolver
from emulator.stack.providers.base import Provider
from emulator.stack.providers.recorded import RECORDED
from emulator.stack.providers.registry import PROVIDERS
from tests.template.project_template import ROOT

_TEXT = (ROOT / "docs/reference/stack-loader.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("resource_type", [*PROVIDERS, *RECORDED])
def test_reference_names_the_type_when_it_is_provided_or_recorded(resource_type: str) -> None:
    assert resource_type in _TEXT


@pytest.mark.parametrize("provider", list(PROVIDERS.values()), ids=list(PROVIDERS))
def test_reference_names_the_property_when_it_is_left_out(provider: Provider) -> None:
    left_out = set(provider.left_out)

    assert {name for name in left_out if f"`{name}`" not in _TEXT} == set()


def test_reference_names_every_function_when_it_is_carried_out() -> None:
    resolver = Resolver({}, {}, stack_name="demo", identity=Identity(), imports={})

    assert {name for name in resolver.functions if name not in _TEXT} == set()
