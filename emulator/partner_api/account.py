"""The account of all calls: what each user was answered last, and how many calls met which outcome."""

from __future__ import annotations

import json
import resource
import time
from collections import Counter, deque
from collections.abc import Iterator
from typing import Any

from emulator.partner_api.call_rate import SlidingSecond

GOOD = "good"
ABANDONED = "abandoned"  # the client left before its answer
BAD_REQUEST = "bad_request"
# Seconds with calls that are told one by one, the latest: a stand-in may run for weeks.
KEPT_SECONDS = 3600


class UserAccount:
    """One user's calls and last good answer."""

    __slots__ = ("answer", "attempts", "calls", "good", "version")

    def __init__(self) -> None:
        self.calls = 0  # all of them
        self.attempts = 0  # those that the caps let through: faults are drawn by this number
        self.good = 0
        self.version = 0  # of the next good answer, where answers change
        self.answer = b""  # the body of the last good answer


class Account:
    """Counts of one run; `reset` begins the next."""

    def __init__(self) -> None:
        self.users: dict[str, UserAccount] = {}
        self.calls = 0
        self.outcomes: Counter[str] = Counter()
        self.calls_by_second: Counter[int] = Counter()
        self.sliding_second = SlidingSecond()
        self.first_call_at = self.last_call_at = 0.0
        self.late_seconds_max = 0.0
        self.in_flight = 0
        self.in_flight_max = 0
        self.connections = 0
        self.connections_max = 0
        self.connections_total = 0
        self._recent: deque[float] = deque()

    def reset(self, *, keep_versions: bool) -> None:
        """Forgets counts, attempts and last answers; calls in flight and open connections stay counted."""
        versions = {user_id: user.version for user_id, user in self.users.items() if user.version}
        self.users = {}
        if keep_versions:
            for user_id, version in versions.items():
                self.users[user_id] = user = UserAccount()
                user.version = version
        self.calls = 0
        self.outcomes = Counter()
        self.calls_by_second = Counter()
        self.sliding_second = SlidingSecond()
        self.first_call_at = self.last_call_at = self.late_seconds_max = 0.0
        self.in_flight_max = self.in_flight
        self.connections_max = self.connections_total = self.connections
        self._recent.clear()

    def count_call(self, user_id: str, now: float, steady_now: float) -> UserAccount:
        """The user's account, with this call in it; `steady_now` is of a clock that never goes back."""
        user = self.users.get(user_id)
        if user is None:
            user = self.users[user_id] = UserAccount()
        user.calls += 1
        self.calls += 1
        self.calls_by_second[int(now)] += 1
        while len(self.calls_by_second) > KEPT_SECONDS:  # in the order of time
            del self.calls_by_second[next(iter(self.calls_by_second))]
        self.sliding_second.add(steady_now)
        self.first_call_at = self.first_call_at or now
        self.last_call_at = now
        return user

    def note_lateness(self, seconds: float) -> None:
        """So late the process came to its work: calls that it counts then may have come so much earlier."""
        self.late_seconds_max = max(self.late_seconds_max, seconds)

    def begin_call(self) -> None:
        """One more call in flight."""
        self.in_flight += 1
        self.in_flight_max = max(self.in_flight_max, self.in_flight)

    def end_call(self, outcome: str) -> None:
        """One call fewer in flight, with that outcome."""
        self.in_flight -= 1
        self.outcomes[outcome] += 1

    def admits_rate(self, now: float, calls_per_second: int) -> bool:
        """Whether one more call keeps every window of one second within the rate; counts it if so."""
        recent = self._recent
        while recent and recent[0] <= now - 1:
            recent.popleft()
        if len(recent) >= calls_per_second:
            return False
        recent.append(now)
        return True

    def iterate_answers(self) -> Iterator[bytes]:
        """JSON lines: the last good answer of each user that has one, with its number of calls."""
        for user in self.users.values():
            if user.answer:
                yield b'%b, "calls": %d}\n' % (user.answer[:-1], user.calls)

    def iterate_users(self) -> Iterator[bytes]:
        """JSON lines: each user that was called: user_id, calls, good."""
        for user_id, user in self.users.items():
            if user.calls:
                yield b'{"user_id": %b, "calls": %d, "good": %d}\n' % (
                    json.dumps(user_id).encode(),
                    user.calls,
                    user.good,
                )

    def summarise(self) -> dict[str, Any]:
        """The statistics. `cpu_seconds` and `peak_memory_mb` are the process's since it started."""
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "calls": self.calls,
            "users": sum(1 for user in self.users.values() if user.calls),
            "good": self.outcomes[GOOD],
            "outcomes": dict(sorted(self.outcomes.items())),
            "in_flight": self.in_flight,
            "in_flight_max": self.in_flight_max,
            "connections": self.connections,
            "connections_max": self.connections_max,
            "connections_total": self.connections_total,
            "calls_by_second": {str(second): calls for second, calls in sorted(self.calls_by_second.items())},
            "calls_in_any_second_max": self.sliding_second.busiest,
            "calls_in_any_second_max_after_first": self.sliding_second.busiest_after_first,
            "first_call_at": self.first_call_at,
            "last_call_at": self.last_call_at,
            "late_seconds_max": self.late_seconds_max,
            "time": time.time(),
            "cpu_seconds": usage.ru_utime + usage.ru_stime,
            "peak_memory_mb": round(usage.ru_maxrss / 1024, 1),
        }
