"""What a call is answered, and what the account says of it; no sockets here."""

from __future__ import annotations

import time
from typing import NamedTuple

from emulator.partner_api.account import GOOD, Account, UserAccount
from emulator.partner_api.answers import encode_answer, make_answer
from emulator.partner_api.fault_names import (
    DROP,
    LIMIT_IN_FLIGHT,
    LIMIT_RATE,
    MALFORMED_PREFIX,
    NO_FAULT,
    NOT_FOUND,
    THROTTLE,
    TIMEOUT,
)
from emulator.partner_api.faults import FaultPlan
from emulator.partner_api.malformed import make_malformed
from emulator.partner_api.options import PartnerApiOptions
from emulator.partner_api.response_writer import ResponseWriter, encode_error

NEVER = -1.0  # a call with that delay is not answered


class Call(NamedTuple):
    """A call in flight: what it will be answered, after `delay_seconds`."""

    user_id: str
    user: UserAccount
    fault: str
    delay_seconds: float


class Reply(NamedTuple):
    """Bytes to send; `close` ends the connection after them, `reset` at once."""

    data: bytes
    close: bool = False
    reset: bool = False


class PartnerService:
    """The API's behaviour under its options, with the account of its calls."""

    def __init__(self, options: PartnerApiOptions) -> None:
        self.account = Account()
        self.responses = ResponseWriter()
        self.options = options
        self._plan = FaultPlan(options)

    def use_options(self, options: PartnerApiOptions) -> None:
        """Calls from now on follow `options`; those in flight keep what they drew."""
        self.options = options
        self._plan = FaultPlan(options)

    def begin_call(self, user_id: str) -> Call | Reply:
        """A call in flight, or the reply at once where a cap or a throttle refuses it."""
        now, steady_now = time.time(), time.monotonic()
        second = int(now)
        user = self.account.count_call(user_id, now, steady_now)
        options = self.options
        if options.max_in_flight and self.account.in_flight >= options.max_in_flight:
            return self._throttle(second, LIMIT_IN_FLIGHT)
        if options.max_calls_per_second and not self.account.admits_rate(steady_now, options.max_calls_per_second):
            return self._throttle(second, LIMIT_RATE)
        user.attempts += 1
        fault, delay_seconds = self._plan.plan_call(user_id, user.attempts)
        if fault == THROTTLE:  # real gateways refuse before the work, so without its latency
            return self._throttle(second, THROTTLE)
        self.account.begin_call()
        return Call(user_id, user, fault, NEVER if fault == TIMEOUT else delay_seconds)

    def finish_call(self, call: Call) -> Reply:
        """The reply to a call whose delay is over."""
        second = int(time.time())
        user = call.user
        options = self.options
        if call.fault != NO_FAULT:
            self.account.end_call(call.fault)
            return self._make_fault(call, second)
        if options.changing:
            user.version += 1
        user.answer = encode_answer(make_answer(options.seed, call.user_id, user.version))
        user.good += 1
        self.account.end_call(GOOD)
        return Reply(self.responses.make_good(second, user.answer))

    def _throttle(self, second: int, outcome: str) -> Reply:
        self.account.outcomes[outcome] += 1
        retry_after = f"Retry-After: {self.options.retry_after_seconds}\r\n"
        body = encode_error("too_many_requests", "slow down")
        return Reply(self.responses.make_response(second, 429, body, extra=retry_after))

    def _make_fault(self, call: Call, second: int) -> Reply:
        fault = call.fault
        make_response = self.responses.make_response
        if fault == DROP:
            return Reply(b"", reset=True)
        if fault == NOT_FOUND:
            return Reply(make_response(second, 404, encode_error("not_found", f"no user {call.user_id}")))
        if fault.startswith(MALFORMED_PREFIX):
            answer = make_answer(self.options.seed, call.user_id, call.user.version)
            broken = make_malformed(fault.removeprefix(MALFORMED_PREFIX), answer, self.options.max_body)
            return Reply(
                make_response(
                    second, 200, broken.body, content_type=broken.content_type, length=broken.declared_length
                ),
                close=broken.declared_length > len(broken.body),
            )
        status = int(fault.removeprefix("error_"))
        return Reply(make_response(second, status, encode_error(fault, "the partner's own trouble")))
