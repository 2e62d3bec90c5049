"""Filter expressions for trace summaries: what a report asks for, the rest refused by name.

Source: https://docs.aws.amazon.com/xray/latest/devguide/xray-console-filters.html
"""

import json
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from emulator.errors import AwsError
from emulator.services.json_needles import is_needle

_FLAGS = {"fault": "HasFault", "error": "HasError", "throttle": "HasThrottle", "partial": "IsPartial"}
_TIMES = {"duration": "Duration", "responsetime": "ResponseTime"}
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
_VALUE = r'(?P<value>"(?:[^"\\]|\\.)*"|\d+(?:\.\d+)?|true|false)'
_COMPARISON = r"\s*(?P<comparison>!=|>=|<=|=|>|<)\s*"
_TERM = re.compile(
    rf"""\s*(?:
    annotation(?:\.(?P<key>[\w.]+?)|\[(?P<bracketed>[^\]]+)\]){_COMPARISON}{_VALUE}
    |service\(\s*(?P<service>"(?:[^"\\]|\\.)*")\s*\)
    |(?P<time>duration|responsetime)\s*(?P<order>!=|>=|<=|=|>|<)\s*(?P<seconds>\d+(?:\.\d+)?)
    |(?P<flag>fault|error|throttle|partial)\b(?!\s*[=!<>.])
    )\s*(?P<next>AND\b|&&|$)""",
    re.VERBOSE | re.IGNORECASE,
)

Test = Callable[[dict[str, Any]], bool]


@dataclass(frozen=True, slots=True)
class FilterExpression:
    """Whether a trace's summary matches; `needles` are bytes that the documents of such a trace hold."""

    tests: tuple[Test, ...]
    needles: tuple[bytes, ...]

    def matches(self, summary: dict[str, Any]) -> bool:
        """Whether all terms hold; the summary has Annotations and ServiceIds."""
        return all(test(summary) for test in self.tests)


def parse_filter(text: str) -> FilterExpression:
    """The expression; InvalidRequestException for what is wrong or not emulated."""
    tests: list[Test] = []
    needles: list[bytes] = []
    position, follows = 0, True
    while follows:
        found = _TERM.match(text, position)
        if found is None:
            raise AwsError(
                "InvalidRequestException",
                f"FilterExpression is not emulated from '{text[position:].strip()}': annotation.key = \"value\", "
                'service("name"), fault, error, throttle, partial, duration and responsetime are, joined by AND',
            )
        needle = _add_term(found, tests)
        if needle is not None and is_needle(needle):
            needles.append(needle.encode())
        position, follows = found.end(), bool(found["next"])
    return FilterExpression(tuple(tests), tuple(needles))


def _add_term(found: re.Match[str], tests: list[Test]) -> str | None:
    """Add the term's test; a text that a trace must hold to pass it, where there is one."""
    if found["flag"] is not None:
        flag = _FLAGS[found["flag"].lower()]
        tests.append(lambda summary: bool(summary[flag]))
        return None
    if found["time"] is not None:
        name, order, seconds = _TIMES[found["time"].lower()], _COMPARISONS[found["order"]], float(found["seconds"])
        tests.append(lambda summary: order(summary[name], seconds))
        return None
    if found["service"] is not None:
        service = str(json.loads(found["service"]))
        tests.append(lambda summary: any(service in each["Names"] for each in summary["ServiceIds"]))
        return service
    key, value = found["key"] or found["bracketed"], found["value"]
    wanted = json.loads(value if value.startswith('"') else value.lower())
    compare = _COMPARISONS[found["comparison"]]

    def test(summary: dict[str, Any]) -> bool:
        values = [next(iter(each["AnnotationValue"].values())) for each in summary["Annotations"].get(key, ())]
        return any(_is_alike(value, wanted) and compare(value, wanted) for value in values)

    tests.append(test)
    return wanted if isinstance(wanted, str) and found["comparison"] == "=" else None


def _is_alike(value: Any, wanted: Any) -> bool:
    if isinstance(value, bool) or isinstance(wanted, bool):
        return isinstance(value, bool) and isinstance(wanted, bool)
    return isinstance(value, str) == isinstance(wanted, str)
