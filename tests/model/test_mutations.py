"""The mutations of `make model-mutations` still fit the code that they break, which changes without looking at them."""

import pytest

from tests.model.mutations import MUTATIONS, PACKAGE, Mutation


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_mutation_finds_what_it_breaks(mutation: Mutation) -> None:
    text = (PACKAGE / mutation.file).read_text(encoding="utf-8")

    assert [old for old, _ in mutation.changes if old not in text] == []
