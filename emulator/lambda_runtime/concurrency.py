"""Who may run now: the account's concurrency and what functions have reserved of it.

Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
"""

from emulator.errors import AwsError
from emulator.lambda_runtime.errors import ThrottledError
from emulator.lambda_runtime.limits import MINIMUM_UNRESERVED_CONCURRENCY


class Concurrency:
    """Counts invocations in flight and throttles those beyond a limit."""

    def __init__(self, account_concurrency: int) -> None:
        self._account = account_concurrency
        self._reserved: dict[str, int] = {}
        self._in_flight: dict[str, int] = {}
        self._unreserved_in_flight = 0

    def acquire(self, function_name: str) -> None:
        """Take one place; ThrottledError when there is none."""
        running = self._in_flight.get(function_name, 0)
        reserved = self._reserved.get(function_name)
        if reserved is not None:
            if running >= reserved:
                raise ThrottledError("ReservedFunctionConcurrentInvocationLimitExceeded")
        elif self._unreserved_in_flight >= self._account - sum(self._reserved.values()):
            raise ThrottledError("ConcurrentInvocationLimitExceeded")
        self._in_flight[function_name] = running + 1
        if reserved is None:
            self._unreserved_in_flight += 1

    def release(self, function_name: str) -> None:
        """Give the place back."""
        self._in_flight[function_name] -= 1
        if function_name not in self._reserved:
            self._unreserved_in_flight -= 1

    def reserve(self, function_name: str, executions: int) -> None:
        """Reserve places for the function; the rest must keep at least 100."""
        others = sum(count for name, count in self._reserved.items() if name != function_name)
        if self._account - others - executions < MINIMUM_UNRESERVED_CONCURRENCY and executions > 0:
            raise AwsError(
                "InvalidParameterValueException",
                "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution "
                f"below its minimum value of [{MINIMUM_UNRESERVED_CONCURRENCY}].",
            )
        if executions < 0:
            raise AwsError("InvalidParameterValueException", "ReservedConcurrentExecutions must not be negative.")
        self._reserved[function_name] = executions
        self._unreserved_in_flight = self._count_unreserved()

    def unreserve(self, function_name: str) -> None:
        """Let the function draw from the account's common places again."""
        self._reserved.pop(function_name, None)
        self._unreserved_in_flight = self._count_unreserved()

    def reserved(self, function_name: str) -> int | None:
        """What the function has reserved."""
        return self._reserved.get(function_name)

    def in_flight(self, function_name: str | None = None) -> int:
        """Invocations in progress, of one function or of all."""
        return sum(self._in_flight.values()) if function_name is None else self._in_flight.get(function_name, 0)

    def _count_unreserved(self) -> int:
        return sum(count for name, count in self._in_flight.items() if name not in self._reserved)
