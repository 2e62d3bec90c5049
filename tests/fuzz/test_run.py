"""`make fuzz` as a command: how it ends, and what it says of targets that had no turn."""

from pathlib import Path

import pytest

from tests.fuzz import run
from tests.fuzz.target import Target


def test_fuzz_tells_how_far_it_came_when_it_is_stopped(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fuzz_one(target: Target, account: run.Account, _number: int) -> None:
        if account.executions:
            raise KeyboardInterrupt
        account.executions[target.name] = 100

    monkeypatch.setattr(run, "fuzz_target", fuzz_one)

    assert run.fuzz_all(["claim", "turn", "chunk"], 1, 1) == run.INTERRUPTED
    told = capsys.readouterr().out
    assert "100 executions" in told
    assert "2 of 3 targets had no turn" in told


def test_replay_says_so_when_there_is_no_such_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run.replay(tmp_path / "turn-1a2b3c4d5e6f.bin") == 2
    assert "is no file" in capsys.readouterr().err
