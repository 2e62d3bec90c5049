"""Sets of positions inside a slice as bit masks: a run's account is exact per user at a bit for each."""

from collections.abc import Iterable, Iterator


def pack_positions(positions: Iterable[int]) -> int:
    """A mask with the bit of every position set."""
    mask = 0
    for position in positions:
        mask |= 1 << position
    return mask


def unpack_positions(mask: int) -> Iterator[int]:
    """The positions whose bits are set, rising."""
    position = 0
    while mask:
        if mask & 1:
            yield position
        mask >>= 1
        position += 1


def mask_to_bytes(mask: int) -> bytes:
    """The mask as little-endian bytes, as short as it can be; for a VARBINARY column."""
    return mask.to_bytes((mask.bit_length() + 7) // 8, "little")


def mask_from_bytes(data: bytes) -> int:
    """The mask that `mask_to_bytes` wrote."""
    return int.from_bytes(data, "little")
