"""Figures as people read them."""

from datetime import UTC, datetime

UNKNOWN = "\u2013"  # an en dash
TO = "\u2013"
MINUS = "\u2212"


def count_words(value: float) -> str:
    """12,345."""
    return f"{value:,.0f}"


def seconds_words(seconds: float | None) -> str:
    """6.05 s, 43.3 s, 3 min 20 s; a dash where it is not known."""
    if seconds is None:
        return UNKNOWN
    if seconds < 1:
        return f"{1000 * seconds:.0f} ms"
    if seconds < 10:
        return f"{seconds:.2f} s"
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds // 60:.0f} min {seconds % 60:.0f} s"


def milliseconds_words(milliseconds: float | None) -> str:
    """85 ms, 1.24 s."""
    return seconds_words(None if milliseconds is None else milliseconds / 1000)


def usd_words(usd: float | None) -> str:
    """$0.0017, $12.30: two significant figures below a cent."""
    if usd is None:
        return UNKNOWN
    if usd == 0 or usd >= 0.01:
        return f"${usd:,.2f}" if usd >= 1 or usd == 0 else f"${usd:.3f}"
    return f"${usd:.2g}" if usd >= 0.0001 else f"${usd:.6f}"


def moment_words(at: float | None) -> str:
    """2026-11-22 10:04:32 UTC."""
    return UNKNOWN if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def clock_words(at: float) -> str:
    """10:04."""
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M")


def bytes_words(count: int) -> str:
    """298 kB."""
    return f"{count / 1000:,.0f} kB" if count < 1_000_000 else f"{count / 1_000_000:,.1f} MB"


def change_words(now: float | None, before: float | None) -> str:
    """+12% or the like: of a value against the one before; empty where nothing has changed or can be compared."""
    if now is None or not before:
        return ""
    percent = round(100 * (now - before) / before)
    if percent == 0:
        return ""
    return f"+{percent:,}%" if percent > 0 else f"{MINUS}{-percent:,}%"


def quantile(values: list[float], share: float) -> float:
    """The nearest-rank quantile of sorted, non-empty values."""
    return values[min(len(values) - 1, max(0, -int(-share * len(values) // 1) - 1))]
