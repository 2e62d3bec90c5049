"""How fast an environment may send: half as fast after each refusal of the stream, and faster after each success."""

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 3.0


class StreamPace:
    """Outlives the invocation, so that the slice after a refused one does not begin by being refused, too."""

    def __init__(self) -> None:
        self.pause_seconds = 0.0  # before the next call

    def slow_down(self) -> None:
        """The stream has refused records."""
        self.pause_seconds = min(LONGEST_PAUSE_SECONDS, max(FIRST_PAUSE_SECONDS, 2 * self.pause_seconds))

    def speed_up(self) -> None:
        """The stream has taken all records of a call."""
        self.pause_seconds = self.pause_seconds / 2 if self.pause_seconds > FIRST_PAUSE_SECONDS else 0.0
