"""What is left of a run: exactly the places that no attempt has written, with the last attempt's reason."""

from typing import Any

from express_batch.chunks import Place
from express_batch.positions import pack_positions
from express_batch.users_left import MISSING, Attempt, Redrive, find_left
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.bounds import BOUNDED

REASONS = ("ApiServerError", "MalformedAnswerError")
OUTCOMES = st.sampled_from(["written", "missing", *REASONS])


def make_attempt(outcomes: dict[Place, str], noise: dict[Place, str]) -> tuple[dict[int, int], dict[Place, str]]:
    """Masks and failure records of outcomes; `noise` are records of attempts before the one that wrote the user."""
    written = {
        chunk: pack_positions(p for (c, p), outcome in outcomes.items() if c == chunk and outcome == "written")
        for chunk, _ in outcomes
    }
    reasons = {place: outcome for place, outcome in outcomes.items() if outcome in REASONS}
    return written, {**{place: noise[place] for place in noise if outcomes.get(place) == "written"}, **reasons}


@BOUNDED
@given(st.data())
def test_find_left_is_exact_for_any_masks_failures_and_earlier_redrives(data: Any) -> None:
    sizes = data.draw(st.dictionaries(st.integers(0, 5), st.integers(0, 12), max_size=4))
    everyone = [(chunk, position) for chunk, size in sizes.items() for position in range(size)]
    outcomes = {place: data.draw(OUTCOMES) for place in everyone}
    noise = dict.fromkeys(everyone, "TimeLeftError")
    left = {place: MISSING if outcome == "missing" else outcome for place, outcome in outcomes.items()}
    left = {place: reason for place, reason in left.items() if reason != "written"}
    redrives = []
    for _ in range(data.draw(st.integers(0, 3))):
        # A redrive by reason takes some of what is left, cut into chunks of another size.
        taken = [place for place in sorted(left) if data.draw(st.booleans())]
        size = data.draw(st.integers(1, 7))
        origins = {n: taken[n * size : (n + 1) * size] for n in range(-(-len(taken) // size))}
        own = {(n, p): data.draw(OUTCOMES) for n, places in origins.items() for p in range(len(places))}
        redrives.append(Redrive(*make_attempt(own, dict.fromkeys(own, "TimeLeftError")), origins))
        for (n, p), outcome in own.items():
            if outcome == "written":
                del left[origins[n][p]]
            else:
                left[origins[n][p]] = MISSING if outcome == "missing" else outcome

    found = find_left(sizes, Attempt(*make_attempt(outcomes, noise)), redrives)

    assert list(found.places()) == sorted(left)
    assert {place: found.reason_of(place) for place in found.places()} == left
    assert sum(found.by_reason().values()) == len(left)
    for reason in (*REASONS, MISSING):
        assert list(found.places([reason])) == sorted(place for place in left if left[place] == reason)


def test_find_left_counts_nobody_who_was_never_listed() -> None:
    found = find_left({0: 2}, Attempt({0: 0b1, 7: 0b1}, {(0, 5): "ApiServerError"}), [])

    assert found.by_reason() == {MISSING: 1}
