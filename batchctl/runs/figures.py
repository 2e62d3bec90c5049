"""Numbers out of documents that others have written: objects, log lines, answers. None is beyond what a run can count.

Larger ones would pass here and break what is made of them: dates, percentiles, memory.
"""

from collections.abc import Mapping
from typing import Any

MOST = 10**12
LATEST = 1e11  # seconds since 1970: the year 5138
WIDEST_BUCKET = 400  # of a latency: 2 ** 100 ms


def read_count(value: object) -> int:
    """A whole number from 0. Raises ValueError."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST:
        return value
    raise ValueError("expected a count")


def read_seconds(value: object) -> float:
    """A number from 0: a time, or seconds since 1970. Raises ValueError."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= LATEST:
        return float(value)
    raise ValueError("expected a number of seconds")


def count_or_zero(value: object) -> int:
    """The same as `read_count`, or 0."""
    try:
        return read_count(value)
    except ValueError:
        return 0


def seconds_or(value: object, otherwise: float) -> float:
    """The same as `read_seconds`; what is no time is `otherwise`."""
    try:
        return read_seconds(value)
    except ValueError:
        return otherwise


def read_counts(value: object) -> dict[str, int]:
    """{name: count}; nothing for None. Raises ValueError."""
    return {str(name): read_count(count) for name, count in read_mapping(value).items()}


def read_latency(value: object) -> dict[int, int]:
    """{bucket: calls} of a histogram (express_batch.latency). Raises ValueError."""
    histogram = {int(bucket): read_count(count) for bucket, count in read_mapping(value).items()}
    if any(abs(bucket) > WIDEST_BUCKET for bucket in histogram):
        raise ValueError("a latency that nobody has waited for")
    return histogram


def read_mapping(value: object) -> Mapping[str, Any]:
    """An object; an empty one for None. Raises ValueError."""
    if value is None:
        return {}
    if isinstance(value, Mapping):
        return value
    raise ValueError("expected an object")
