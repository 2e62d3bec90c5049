"""How long a sender waits for a stream that has refused records."""

from express_batch.adapters.stream_pace import LONGEST_PAUSE_SECONDS, REMEMBERED_SECONDS, StreamPace


class Clock:
    """Moved by hand."""

    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


def test_pause_grows_with_refusals_and_goes_with_successes() -> None:
    pace = StreamPace(Clock())
    seen = []
    for step in (pace.slow_down,) * 6 + (pace.speed_up,) * 6:
        step()
        seen.append(pace.pause_seconds)

    assert seen == [0.2, 0.4, 0.8, 1.6, 3.0, LONGEST_PAUSE_SECONDS, 1.5, 0.75, 0.375, 0.1875, 0.0, 0.0]


def test_refusals_of_long_ago_are_forgotten() -> None:
    clock = Clock()
    pace = StreamPace(clock)
    for _ in range(5):
        pace.slow_down()

    clock.now += REMEMBERED_SECONDS - 1
    assert pace.pause_seconds == LONGEST_PAUSE_SECONDS
    clock.now += 1
    assert pace.pause_seconds == 0.0

    # The next one begins anew.
    pace.slow_down()
    assert pace.pause_seconds == 0.2
