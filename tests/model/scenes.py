"""What Hypothesis draws for the rules: users, moods, fates, and the scenes that luck alone seldom makes.

A scene is a few steps in one order, such as a start that another one overtakes. machine.py plays each as a rule of its
own, and an example may open with it.
"""

from dataclasses import dataclass

from hypothesis import strategies as st

from tests.model.invocation import ENDS, Fate

USERS = tuple(f"u{number}" for number in range(6))
PICK = st.integers(0, 1000)  # one of those that a rule may take
MOODS = st.sampled_from(["good", "rejected", "poisonous"])
FATES = st.one_of(
    st.just(ENDS),
    st.just(ENDS),
    st.just(Fate("lost")),
    st.builds(
        Fate,
        st.sampled_from(["dies", "holds"]),
        st.sampled_from(["store", "stream", "partner", "database", "commit", "committed"]),
        st.integers(0, 7),
    ),
    st.builds(
        Fate,
        st.sampled_from(["fails", "fails late"]),
        st.sampled_from(["store", "stream", "database", "commit"]),
        st.integers(0, 7),
    ),
)


@dataclass(frozen=True)
class Overtaking:
    """A start is held at a request to the bucket, another one ends, and the first goes on."""

    follows: bool  # upon a run that ended and left its turn
    by: str
    at: int
    user: str  # comes or goes meanwhile


@dataclass(frozen=True)
class Death:
    """An execution dies at ListUsers; later two others start the same run, of which one is held."""

    fate: Fate
    second_held_at: int


@dataclass(frozen=True)
class LateStep:
    """CloseRun is held at a commit, or the listing of a redrive at a request, and another attempt ends meanwhile."""

    redrives: bool
    at: int


@dataclass(frozen=True)
class SecondFailure:
    """A run's users fail, they are run again and come to something else, and are to be run again for a reason."""

    mood: str
    delivery: Fate
    reason: str


LATE_STEPS = st.builds(LateStep, st.just(False), st.integers(1, 4)) | st.builds(
    LateStep, st.just(True), st.integers(4, 6)
)
REASONS = st.sampled_from(["ApiRejectedError", "RowRefusedError", "Missing"])
SECOND_FAILURES = st.builds(
    SecondFailure,
    st.sampled_from(["rejected", "poisonous"]),
    st.sampled_from([ENDS, Fate("dies", "committed"), Fate("fails late", "commit")]),
    REASONS,
)
OVERTAKINGS = st.one_of(
    st.builds(Overtaking, st.booleans(), st.just("its own next attempt"), st.integers(3, 6), st.sampled_from(USERS)),
    st.builds(Overtaking, st.booleans(), st.just("the next run"), st.integers(2, 3), st.sampled_from(USERS)),
    st.builds(Overtaking, st.booleans(), st.just("its duplicate"), st.integers(0, 5), st.sampled_from(USERS)),
)
DEATHS = st.builds(
    Death,
    st.sampled_from([*(Fate("dies", "store", at) for at in range(1, 7)), *[Fate("dies", "commit")] * 3]),
    st.sampled_from([1, 2, 2, 3]),
)
