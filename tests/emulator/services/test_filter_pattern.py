"""Filter patterns as CloudWatch Logs documents them.

Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
"""

import json

import pytest

from emulator.errors import AwsError
from emulator.services.logs.filter_pattern import compile_filter

SLICE = json.dumps(
    {"message": "slice synced", "run_id": "20261125T1000Z", "users": 250, "failed": 0, "dry": False, "reason": None,
     "tags": ["a", "b"], "inner": {"ip-v4": "123.123.4.5"}}
)  # fmt: skip


def is_found(pattern: str, message: str) -> bool:
    compiled = compile_filter(pattern)
    found = compiled.matches(message)
    # The cheap check must never lose a message that matches.
    assert compiled.may_match(f"time stream {message}".encode()) or not found
    return found


@pytest.mark.parametrize(
    ("pattern", "message", "expected"),
    [
        ("", "anything", True),
        ("ERROR", "[ERROR 400] BAD REQUEST", True),
        ("ERROR", "error", False),
        ("ERROR REQUEST", "[ERROR 400] BAD REQUEST", True),
        ("ERROR TIMEOUT", "[ERROR 400] BAD REQUEST", False),
        ('"REPORT RequestId"', "REPORT RequestId: 1", True),
        ('"REPORT RequestId"', "REPORT of RequestId", False),
        ("?ERROR ?WARN", "WARN", True),
        ("?ERROR ?WARN", "INFO", False),
        ("ERROR -ARGUMENTS", "ERROR in body", True),
        ("ERROR -ARGUMENTS", "ERROR in ARGUMENTS", False),
        ('-"BAD REQUEST"', "BAD REQUEST", False),
        ('"a \\"quoted\\" word"', 'a "quoted" word', True),
    ],
)
def test_terms_match_as_documented(pattern: str, message: str, *, expected: bool) -> None:
    assert is_found(pattern, message) is expected


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ('{ $.run_id = "20261125T1000Z" }', True),
        ('{$.run_id="20261125T1000Z"}', True),
        ('{ $.run_id = "other" }', False),
        ('{ $.run_id = "2026*Z" }', True),
        ("{ $.run_id = 2026*Z }", True),
        ("{ $.inner.ip-v4 != 123.123.* }", False),
        ("{ $.inner.ip-v4 != 10.* }", True),
        ("{ $.absent != 10 }", False),
        ("{ $.users = 250 }", True),
        ("{ $.users != 250 }", False),
        ("{ $.users > 249.5 }", True),
        ("{ $.users >= 2.5e2 && $.users <= 250 }", True),
        ("{ $.users < 250 || $.failed < 1 }", True),
        ("{ $.failed = 1 || $.users = 1 && $.failed = 0 }", False),
        ("{ ($.failed = 0 || $.users = 1) && $.users = 250 }", True),
        ("{ $.reason IS NULL }", True),
        ("{ $.users IS NULL }", False),
        ("{ $.absent NOT EXISTS }", True),
        ("{ $.reason NOT EXISTS }", False),
        ("{ $.dry IS FALSE }", True),
        ("{ $.dry IS TRUE }", False),
        ('{ $.tags[1] = "b" }', True),
        ('{ $.tags[2] = "b" }', False),
        ("{ $['message'] = \"slice synced\" }", True),
        ('{ $.users = "250" }', False),
    ],
)
def test_json_matches_as_documented(pattern: str, *, expected: bool) -> None:
    assert is_found(pattern, SLICE) is expected


def test_json_matches_when_the_writer_escaped_what_it_need_not() -> None:
    assert is_found('{ $.run_id = "r1" }', '{"run_id": "\\u00721"}')


def test_json_pattern_never_matches_when_the_message_is_text() -> None:
    assert not is_found("{ $.run_id NOT EXISTS }", "START RequestId: 1")


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("[ip, user]", "space-delimited"),
        ("%ERR.*%", "regular expressions"),
        ("{ $.a = %x% }", "regular expressions"),
        ("ERROR ?WARN", "[?]terms beside other terms"),
        ("run-id", "Invalid character"),
        ("{ $.a[*] = 1 }", "selector"),
        ("{ $.a EXISTS }", "ends too early"),
        ("{ $.a IS ODD }", "IS ODD"),
        ("{ $.a > x }", "compares with a number"),
        ("{ $.a = 1", "closing brace"),
        ("{ ($.a = 1 }", "parenthesis"),
        ("{ $.a = 1 2 }", "cannot be read"),
        ("{ a = 1 }", "selector"),
        ("x" * 1025, "1025 characters"),
    ],
)
def test_pattern_is_refused_by_name_when_it_is_not_emulated(pattern: str, said: str) -> None:
    with pytest.raises(AwsError, match=said) as refused:
        compile_filter(pattern)
    assert refused.value.code == "InvalidParameterException"
