"""Every decoder of outside data takes anything, or refuses it by name. `make fuzz` does the same for longer."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.bounds import BOUNDED
from tests.fuzz.all_targets import TARGETS
from tests.fuzz.limits import memory_limit
from tests.fuzz.mutation import inputs


@pytest.mark.parametrize("name", TARGETS)
def test_valid_documents_are_taken(name: str) -> None:
    target = TARGETS[name]

    # A refusal is fine where it is the decoder's only answer; a target whose seeds are all refused tests nothing.
    taken = [target.run(seed) for seed in target.seeds]

    assert any(taken) or name in ("why-nobody-is-told", "start-over-a-claim")


@pytest.mark.parametrize("name", TARGETS)
def test_decoder_takes_or_refuses_by_name_whatever_comes(name: str) -> None:
    target = TARGETS[name]

    @settings(BOUNDED, max_examples=40)
    @given(st.data())
    def fuzz(data: st.DataObject) -> None:
        target.run(data.draw(inputs(target.seeds)))

    with memory_limit():
        fuzz()
