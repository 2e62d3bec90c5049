"""Timestamps as the Amazon States Language takes them: RFC 3339 with an upper-case T and Z or an offset."""

import re
from datetime import datetime

_RFC3339 = re.compile(r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(\.\d+)?(Z|[+-]\d{2}:\d{2})")


def parse_timestamp(text: str) -> datetime | None:
    """The aware datetime, None where `text` is no such timestamp; digits past microseconds are dropped."""
    found = _RFC3339.fullmatch(text)
    if not found:
        return None
    fraction = (found[2] or ".0")[:7]
    try:
        return datetime.fromisoformat(f"{found[1]}{fraction}{'+00:00' if found[3] == 'Z' else found[3]}")
    except ValueError:
        return None
