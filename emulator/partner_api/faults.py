"""Which fault a call gets: a function of the seed, the user and the attempt, so that runs repeat."""

from __future__ import annotations

from hashlib import blake2b
from struct import unpack

from emulator.partner_api.fault_names import (
    DROP,
    ERRORS,
    MALFORMED_KINDS,
    MALFORMED_PREFIX,
    NO_FAULT,
    NOT_FOUND,
    OVERSIZED,
    THROTTLE,
    TIMEOUT,
)
from emulator.partner_api.options import PartnerApiOptions

_EVERY_ATTEMPT = -1
_UNIT = 2.0**-64


class FaultPlan:
    """Draws the fault and the latency of each call.

    A fault is sticky (the user's every attempt gets it) or transient (drawn for each attempt). The sticky part of
    each rate is drawn once a user; the transient part is scaled so that first attempts meet the rates exactly.
    """

    def __init__(self, options: PartnerApiOptions) -> None:
        self._options = options
        self._key = options.seed.to_bytes(8)
        share, malformed_share = options.sticky_share, options.malformed_sticky_share
        rates = (
            ("error", options.error_rate, share),
            (THROTTLE, options.throttle_rate, share),
            (TIMEOUT, options.timeout_rate, share),
            (DROP, options.drop_rate, share),
            ("malformed", options.malformed_rate, malformed_share),
            (NOT_FOUND, options.not_found_rate, 1.0),
        )
        sticky = [(name, rate * part) for name, rate, part in rates if rate * part > 0]
        remaining = 1 - sum(rate for _, rate in sticky)
        transient = [(name, rate * (1 - part)) for name, rate, part in rates if rate * (1 - part) > 0]
        self._sticky = _accumulate(sticky)
        self._transient = _accumulate([(name, rate / remaining) for name, rate in transient])
        self._kinds = (*MALFORMED_KINDS, OVERSIZED) if options.max_body else MALFORMED_KINDS
        self._latency_seconds = options.latency_ms / 1000
        self._jitter = options.latency_jitter
        self._users = options.users
        self.is_plain = not (self._sticky or self._transient or self._users or self._jitter)

    def plan_call(self, user_id: str, attempt: int) -> tuple[str, float]:
        """The call's fault (or NO_FAULT) and the seconds until it is answered. Attempts count from 1."""
        if self.is_plain:
            return NO_FAULT, self._latency_seconds
        which, detail, jitter = self._draw(user_id, attempt)
        fault = self._pick_fault(user_id, which, detail)
        latency = self._latency_seconds
        override = self._users.get(user_id)
        if override is not None:
            if override.fault is not None:
                holds = override.first_attempts is None or attempt <= override.first_attempts
                fault = override.fault if holds else NO_FAULT
            if override.latency_ms is not None:
                latency = override.latency_ms / 1000
        return fault, latency * (1 + self._jitter * (2 * jitter - 1))

    def _pick_fault(self, user_id: str, which: float, detail: float) -> str:
        if self._sticky:
            user_which, user_detail, _ = self._draw(user_id, _EVERY_ATTEMPT)
            for name, end in self._sticky:
                if user_which < end:
                    return self._name_fault(name, user_detail)
        for name, end in self._transient:
            if which < end:
                return self._name_fault(name, detail)
        return NO_FAULT

    def _name_fault(self, name: str, detail: float) -> str:
        if name == "error":
            return ERRORS[int(detail * len(ERRORS))]
        if name == "malformed":
            return MALFORMED_PREFIX + self._kinds[int(detail * len(self._kinds))]
        return name

    def _draw(self, user_id: str, attempt: int) -> tuple[float, float, float]:
        text = f"{attempt}\0{user_id}".encode("utf-8", "surrogatepass")
        first, second, third = unpack("<3Q", blake2b(text, key=self._key, digest_size=24).digest())
        # 53 bits alone: a quotient of all 64 may round up to 1.0, which would index beyond a tuple.
        return (first >> 11) * _UNIT * 2048, (second >> 11) * _UNIT * 2048, (third >> 11) * _UNIT * 2048


def _accumulate(rates: list[tuple[str, float]]) -> list[tuple[str, float]]:
    """Interval ends, exclusive, in the order given."""
    total = 0.0
    ends = []
    for name, rate in rates:
        total += rate
        ends.append((name, total))
    return ends
