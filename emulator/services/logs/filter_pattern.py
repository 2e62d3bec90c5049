"""A filter pattern, ready to be held against messages.

Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from emulator.errors import AwsError
from emulator.services.logs.json_pattern import parse_json_pattern

# Source: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html
_LONGEST = 1024
_TERM = re.compile(r'(?P<sign>[?-]?)(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>[^\s"]+))(?:\s+|$)')
_PLAIN = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class FilterPattern:
    """Whether a message matches; `needles` are bytes of which a message that matches has one, None where unknown.

    JSON may write any character of a needle as an escape: see `may_match`.
    """

    matches: Callable[[str], bool]
    needles: tuple[bytes, ...] | None = None

    def may_match(self, line: bytes) -> bool:
        """False where the line cannot match, at the price of a search for bytes."""
        if self.needles is None:
            return True
        return any(needle in line for needle in self.needles) or b"\\u" in line


def compile_filter(text: str) -> FilterPattern:
    """The pattern; InvalidParameterException for one that AWS refuses, or that is not emulated, by name."""
    text = text.strip()
    if len(text) > _LONGEST:
        raise _invalid(f"the filter pattern has {len(text)} characters: at most {_LONGEST} are allowed")
    if not text:
        return FilterPattern(lambda _message: True)
    if text.startswith("["):
        raise _invalid("space-delimited filter patterns ([a, b]) are not emulated")
    if text.startswith("{"):
        pattern = parse_json_pattern(text)
        needles = pattern.needles()
        return FilterPattern(pattern.matches, None if needles is None else tuple(each.encode() for each in needles))
    return _compile_terms(text)


def _compile_terms(text: str) -> FilterPattern:
    """Terms: all of them, any of those with a question mark, none of those with a minus."""
    required: list[str] = []
    optional: list[str] = []
    excluded: list[str] = []
    position = 0
    while position < len(text):
        found = _TERM.match(text, position)
        if found is None:
            raise _invalid(f"Invalid character(s) in term '{text[position:]}'")
        position = found.end()
        kind = {"": required, "?": optional, "-": excluded}[found["sign"]]
        kind.append(_read_term(found))
    if optional and (required or excluded):
        # AWS ignores the question marks then, which is hardly what is meant.
        raise _invalid("?terms beside other terms are not emulated: AWS would ignore them")

    def matches(message: str) -> bool:
        if optional:
            return any(term in message for term in optional)
        return all(term in message for term in required) and not any(term in message for term in excluded)

    candidates = optional or sorted(required, key=len)[-1:]
    return FilterPattern(matches, tuple(term.encode() for term in candidates) or None)


def _read_term(found: re.Match[str]) -> str:
    quoted, plain = found["quoted"], found["plain"]
    if quoted is not None:
        return re.sub(r"\\(.)", r"\1", quoted)
    if plain.startswith("%"):
        raise _invalid("regular expressions (%...%) in filter patterns are not emulated")
    if not _PLAIN.fullmatch(plain):
        raise _invalid(f"Invalid character(s) in term '{plain}'")
    return str(plain)


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterException", message)
