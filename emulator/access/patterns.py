"""Wildcards of policies: `*` stands for any text, `?` for one character."""

import re
from functools import cache
from typing import Any


@cache
def _compile(pattern: str, flags: int) -> re.Pattern[str]:
    parts = (".*" if part == "*" else "." if part == "?" else re.escape(part) for part in re.split(r"([*?])", pattern))
    return re.compile("".join(parts), flags | re.DOTALL)


def matches(pattern: str, text: str, *, ignoring_case: bool = False) -> bool:
    """Whether the whole of `text` is what the pattern says."""
    return _compile(pattern, re.IGNORECASE if ignoring_case else 0).fullmatch(text) is not None


def as_list(value: Any) -> list[Any]:
    """Policies write one thing as itself or as a list of one."""
    return value if isinstance(value, list) else [value]
