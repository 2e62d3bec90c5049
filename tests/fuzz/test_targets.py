"""Every decoder of outside data takes anything, or refuses it by name. `make fuzz` does the same for longer."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.bounds import BOUNDED
from tests.fuzz.all_targets import TARGETS
from tests.fuzz.limits import memory_limit
from tests.fuzz.mutation import inputs, with_each_odd_value
from tests.fuzz.targets import reports

# A report is made over each of their documents: of the tens of thousands of cases every so many-th.
REPORTS = {target.name for target in reports.TARGETS}
REPORT_STEP = 200


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


@pytest.mark.parametrize("name", TARGETS)
def test_decoder_takes_or_refuses_by_name_an_odd_value_at_any_place(name: str) -> None:
    target = TARGETS[name]
    step = REPORT_STEP if name in REPORTS else 1

    with memory_limit():
        for data in (data for document in target.seeds for data in with_each_odd_value(document, step)):
            try:
                target.run(data)
            except Exception as error:
                raise AssertionError(f"{name} has no name for {data[:2000]!r}") from error
