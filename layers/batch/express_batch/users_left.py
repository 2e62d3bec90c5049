"""Which users of a run nobody has written yet: set arithmetic over the run and its redrives, without S3 or database."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from express_batch.chunks import Place
from express_batch.positions import unpack_positions

# The reason of a user that is neither written nor failed.
MISSING = "Missing"


@dataclass(frozen=True)
class Attempt:
    """What a run, or a redrive of it, came to; places are in its own chunks."""

    written: Mapping[int, int]  # for each chunk the mask of the positions that are written
    reasons: Mapping[Place, str]  # of the failure records; a written user may have one of an earlier attempt


@dataclass(frozen=True)
class Redrive(Attempt):
    """An attempt at users of the first run."""

    origins: Mapping[int, Sequence[Place]]  # for each chunk, where its users stood in the first run


@dataclass(frozen=True)
class UsersLeft:
    """Places of the first run that no attempt has written, each with the reason that the last attempt at it left."""

    masks: Mapping[int, int]
    _reasons: Mapping[Place, str] = field(repr=False)

    def places(self, reasons: Collection[str] = ()) -> Iterator[Place]:
        """Rising; those with one of the reasons, or all."""
        for chunk in sorted(self.masks):
            for position in unpack_positions(self.masks[chunk]):
                if not reasons or self.reason_of((chunk, position)) in reasons:
                    yield chunk, position

    def reason_of(self, place: Place) -> str:
        """Why the user is not written."""
        return self._reasons.get(place, MISSING)

    def by_reason(self) -> dict[str, int]:
        """How many users each reason has."""
        return dict(sorted(Counter(self.reason_of(place) for place in self.places()).items()))


def find_left(sizes: Mapping[int, int], first: Attempt, redrives: Sequence[Redrive]) -> UsersLeft:
    """What is left of a run whose chunks hold `sizes` users. The redrives come in their order."""
    left = {chunk: (1 << size) - 1 & ~first.written.get(chunk, 0) for chunk, size in sizes.items()}
    reasons = dict(first.reasons)
    for redrive in redrives:
        for chunk, origins in redrive.origins.items():
            written = redrive.written.get(chunk, 0)
            for position, origin in enumerate(origins):
                if written >> position & 1:
                    left[origin[0]] &= ~(1 << origin[1])
                else:
                    reasons[origin] = redrive.reasons.get((chunk, position), MISSING)
    return UsersLeft({chunk: mask for chunk, mask in left.items() if mask}, reasons)
