"""What comes from outside, a user id above all, is shown to an operator and does nothing to the terminal."""

import ast
import io
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.live import Live
from rich.table import Table
from rich.text import Text

from batchctl.console import Console, make_harmless
from batchctl.failures.failed_users import FailedUser, FailureCount
from batchctl.failures.rejected import RejectedRecord
from batchctl.failures.stuck import REJECTED, Stuck, StuckPiece
from batchctl.failures.telling import describe_stuck, make_counts_table, make_users_table
from batchctl.runs.user_story import UserStory
from batchctl.runs.views import print_story, print_summary
from tests.batchctl.runs import test_html_report
from tests.batchctl.runs.run_data_samples import SAMPLES

ROOT = Path(__file__).resolve().parents[2]
# Renames the window, clears the screen, rings, turns text round, CSI as one character; and rich's own markup, broken.
HOSTILE = "\x1b]0;owned\x07\x1b[2J\r\x08\x9b31m\u202egnihton\x7f[/][link=https://evil.example]x[/b]"
FORBIDDEN = "\x1b\x07\x08\r\x7f\x9b\u202e"


def show(print_to: Callable[[Console], None]) -> str:
    """What the terminal is sent, without colours and so without an escape sequence of rich's own."""
    out = io.StringIO()
    print_to(Console(file=out, width=2000, force_terminal=True, color_system=None, legacy_windows=False))
    return out.getvalue()


def assert_harmless(told: str) -> None:
    assert not set(FORBIDDEN) & set(told)
    assert "[/][link=https://evil.example]" in told.replace("\n", "")
    assert "␛]0;owned" in told  # the bell, rich drops by itself


def test_failed_users_are_listed_whatever_they_are_called() -> None:
    user = FailedUser("20261122T083000Z", 0, 1, HOSTILE, HOSTILE, "sync_users", HOSTILE, HOSTILE)
    count = FailureCount("20261122T083000Z", HOSTILE, HOSTILE, 1)

    assert_harmless(show(lambda console: console.print(make_users_table([user]))))
    assert_harmless(show(lambda console: console.print(make_counts_table([count]))))


def test_stuck_records_are_listed_whatever_they_say() -> None:
    piece = StuckPiece(HOSTILE, 0, HOSTILE, (1,))
    source = RejectedRecord(key=HOSTILE, data=b"", reason=HOSTILE, detail=HOSTILE)
    stuck = Stuck(HOSTILE, REJECTED, HOSTILE, HOSTILE, 1, (piece,), (), HOSTILE, source)

    assert_harmless(show(lambda console: console.print(describe_stuck([stuck]))))


def test_story_of_a_user_is_told_whatever_it_is_called() -> None:
    story = UserStory(HOSTILE, HOSTILE, 0, 1, 0, 40, "failed", HOSTILE, HOSTILE, HOSTILE, HOSTILE, 1)

    assert_harmless(show(lambda console: print_story(console, story, "20261122T083000Z")))


@pytest.mark.parametrize("name", ["good", "partial", "incomplete", "large"])
def test_report_is_printed_whatever_the_run_says(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(test_html_report, "HOSTILE", HOSTILE)

    assert_harmless(show(lambda console: print_summary(console, test_html_report.poison(SAMPLES[name]()))))


def test_console_keeps_lines_colours_and_its_own_controls() -> None:
    out = io.StringIO()
    console = Console(file=out, width=40, force_terminal=True, color_system="standard", legacy_windows=False)

    console.print(Text.assemble(("a\tb", "red"), "\nc"))
    with Live("moving", console=console):
        pass

    told = out.getvalue()
    assert told.startswith("\x1b[31ma")
    assert "b\x1b[0m\nc\n" in told
    assert "\x1b[?25l" in told  # the cursor is hidden meanwhile


def test_text_is_not_taken_for_markup() -> None:
    told = show(lambda console: console.print("partner asked, see [/tickets] [bold]4711[/bold]", style="yellow"))

    assert told == "partner asked, see [/tickets] [bold]4711[/bold]\n"


def test_line_of_a_table_stays_whole_when_it_goes_to_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    out, table = io.StringIO(), Table()
    table.add_row("user-1" * 10, "tenant-1" * 10)

    Console(file=out).print(table)

    assert [cell.strip() for cell in out.getvalue().split("│")[1:3]] == ["user-1" * 10, "tenant-1" * 10]


def test_text_without_control_characters_stays_as_it_is() -> None:
    text = "user-1 ünï 😀 'x' \"y\" \\ %s [a]\n\tb"

    assert make_harmless(text) == text


def test_every_document_that_is_printed_is_ascii() -> None:
    """C1's controls and those that turn text round are no control characters to JSON, which leaves them as they are."""
    wide = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in (ROOT / "batchctl").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in ("typer.echo", "print")
        and "ensure_ascii=False" in ast.unparse(node)
    ]

    # The list of the tenant groups is made of the project's own files.
    assert [place.partition(":")[0] for place in wide] == ["batchctl/groups/commands.py"]


def test_every_command_prints_through_this_console() -> None:
    others = [
        str(path)
        for path in (ROOT / "batchctl").rglob("*.py")
        if "rich.console import Console\n" in path.read_text(encoding="utf-8")
    ]

    assert others == []
