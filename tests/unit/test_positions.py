"""Positions as bit masks."""

from express_batch.positions import mask_from_bytes, mask_to_bytes, pack_positions, unpack_positions
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.bounds import BOUNDED

POSITIONS = st.sets(st.integers(0, 8191), max_size=200)


@BOUNDED
@given(POSITIONS)
def test_positions_come_back_when_packed_and_stored(positions: set[int]) -> None:
    mask = mask_from_bytes(mask_to_bytes(pack_positions(positions)))

    assert list(unpack_positions(mask)) == sorted(positions)
    assert mask.bit_count() == len(positions)
    assert len(mask_to_bytes(mask)) <= 1024  # batch_write.positions is VARBINARY(1024)


@BOUNDED
@given(POSITIONS, POSITIONS)
def test_masks_count_each_position_once_when_united(one: set[int], other: set[int]) -> None:
    assert set(unpack_positions(pack_positions(one) | pack_positions(other))) == one | other


def test_mask_of_nothing_is_empty() -> None:
    assert mask_to_bytes(pack_positions([])) == b""
    assert mask_from_bytes(b"") == 0
