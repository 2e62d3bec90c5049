"""Users and tenants whose ids are attacks go through a whole run as what they are: text."""

from collections.abc import Iterator

import pytest

from batchctl.local.options import LocalOptions
from tests.local.background_stack import BackgroundStack
from tests.local.test_whole_runs import expected_rows, read_rows

HOSTILE = [
    "'; DROP TABLE loyalty_points; -- ",
    '" OR ""="',
    "') ON DUPLICATE KEY UPDATE points = 0 -- ",
    "\\",
    "\\'",
    "%s",
    "%(user_id)s %d %%",
    "`users`",
    "\x00",
    "a\x00b",
    "\x1a\r\n\t\x7f",
    "😀" * 16,
    "ü\u0301\u202e\ufeff",
    "../../admin",
    "%2e%2e%2f",
    "a/b?c=d#e",
    "@evil.example",
    "\r\nHost: evil.example",
    "${jndi:ldap://evil.example/a}",
    "{% $states.context %}",
    "{{resolve:ssm:name}}",
    "<script>alert(1)</script>",
    "[/][link=https://evil.example]x",
    "\x1b]0;owned\x07",
    '{"user_id": "another"}',
    "null",
    "0",
    " leading",
    "x" * 64,
]
# Whom no path can carry, quoted or not, are refused by name and not called for.
UNSENT = {text for text in HOSTILE if text == "../../admin" or any(ord(character) < 0x20 for character in text)}
# A key that ends in a space is equal to the one without it in MySQL, so what was answered is refused.
PADDED = {text for text in HOSTILE if text.endswith(" ")}
WRITTEN = set(HOSTILE) - UNSENT - PADDED


@pytest.fixture(scope="module")
def stack() -> Iterator[BackgroundStack]:
    """Some ordinary users, and among them each of those, with a tenant of the same name."""
    with BackgroundStack(LocalOptions(users=20, users_per_invocation=7, api_latency_ms=1)) as running:
        for text in HOSTILE:
            running.query("INSERT INTO users (user_id, tenant_id) VALUES (%s, %s)", text, text)
        yield running


def test_rows_of_hostile_users_are_written_to_the_byte(stack: BackgroundStack) -> None:
    account = stack.run_batch().output

    assert (account["status"], account["users_listed"], account["rows_written"]) == ("PARTIAL", 49, 41)
    assert account["failed_by_reason"] == {"RequestRefusedError": 6, "MalformedAnswerError": 2}
    assert set(stack.failures(account["run_id"])) == UNSENT | PADDED
    expected = expected_rows(stack)
    assert read_rows(stack) == {user_id: row for user_id, row in expected.items() if user_id not in PADDED}
    written = {bytes.fromhex(row[0]).decode() for row in stack.query("SELECT HEX(user_id) FROM loyalty_points")}
    assert written >= WRITTEN
    assert stack.query("SELECT COUNT(*) FROM users") == [(49,)]


def test_partner_was_called_for_each_of_them_once_and_for_nobody_else(stack: BackgroundStack) -> None:
    stack.set_api(not_found_rate=0)
    stack.run_batch()

    called = stack.calls_by_user()
    assert set(HOSTILE) - UNSENT <= set(called)
    assert set(called.values()) == {1}
    assert len(called) == 49 - len(UNSENT)


def test_failures_of_hostile_users_name_them_to_the_byte(stack: BackgroundStack) -> None:
    stack.set_api(not_found_rate=1)
    account = stack.run_batch().output

    assert account["failed_by_reason"] == {"ApiRejectedError": 43, "RequestRefusedError": 6}
    assert set(stack.failures(account["run_id"])) >= set(HOSTILE)


def test_hostile_users_alone_are_run_again(stack: BackgroundStack) -> None:
    stack.set_api(not_found_rate=0, users={user: {"fault": "malformed_missing_field"} for user in WRITTEN})
    run_id = stack.run_batch().output["run_id"]
    stack.set_api(users=dict.fromkeys(WRITTEN))

    async def redrive() -> dict[str, object]:
        machines = stack.stack.emulator.state_machines
        execution = await machines.start(stack.stack.state_machine_arn, {"redrive_of": run_id})
        return dict((await execution.wait()).output)

    account = stack.do(redrive())

    assert (account["users_listed"], account["rows_written"]) == (len(HOSTILE), len(WRITTEN))
    assert set(stack.calls_by_user()) == WRITTEN | PADDED
