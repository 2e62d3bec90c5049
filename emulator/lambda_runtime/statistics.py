"""Counts of what happened, by function."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class FunctionStatistics:
    """Counters of one function since the service started; they survive updates and deletion."""

    invocations: int = 0
    cold_starts: int = 0
    errors: int = 0
    timeouts: int = 0
    throttles: int = 0
    duration_ms: float = 0.0
    billed_ms: int = 0
    gigabyte_seconds: float = 0.0


@dataclass(slots=True)
class Statistics:
    """All functions' counters; `total` adds them up."""

    functions: dict[str, FunctionStatistics] = field(default_factory=dict)

    def of(self, function_name: str) -> FunctionStatistics:
        """This function's counters, made at first use."""
        counters = self.functions.get(function_name)
        if counters is None:
            counters = self.functions[function_name] = FunctionStatistics()
        return counters

    def total(self) -> FunctionStatistics:
        """The sum over all functions."""
        total = FunctionStatistics()
        for counters in self.functions.values():
            total.invocations += counters.invocations
            total.cold_starts += counters.cold_starts
            total.errors += counters.errors
            total.timeouts += counters.timeouts
            total.throttles += counters.throttles
            total.duration_ms += counters.duration_ms
            total.billed_ms += counters.billed_ms
            total.gigabyte_seconds += counters.gigabyte_seconds
        return total
