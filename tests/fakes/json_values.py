"""Hypothesis strategies for JSON: what a partner, or anybody who writes to the stream, may send."""

from typing import Any

from hypothesis import strategies as st

# json.loads makes lone surrogates out of "\ud800" and infinities out of "Infinity", so both are JSON here.
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=30)
SCALARS: st.SearchStrategy[Any] = st.none() | st.booleans() | st.integers(-(10**40), 10**40) | st.floats() | ANY_TEXT
ANY_JSON: st.SearchStrategy[Any] = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4), max_leaves=8
)


def nested_json(depth: int) -> bytes:
    """Brackets `depth` deep."""
    return b"[" * depth + b"]" * depth
