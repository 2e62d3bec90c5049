"""Which locks are audited, and what is let pass; the vulnerability service itself is not asked."""

import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
EXCEPTIONS = "requirements/audit-exceptions"
# Notes what it is asked and finds something in the lock `bad.txt`.
PIP_AUDIT = '#!/bin/sh\necho "$@" >> "$0.calls"\ncase "$*" in *bad.txt) exit 1 ;; esac\n'


@pytest.fixture
def pip_audit(tmp_path: Path) -> Path:
    """A stand-in for pip-audit."""
    program = tmp_path / "pip-audit"
    program.write_text(PIP_AUDIT)
    program.chmod(0o755)
    return program


def audit(pip_audit: Path, exceptions: str, *locks: str) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """The ended script, and what it asked of pip-audit."""
    path = pip_audit.with_name("exceptions")
    path.write_text(exceptions)
    command = [str(ROOT / "scripts" / "audit"), str(pip_audit.parent), str(path), *locks]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    calls = pip_audit.with_name("pip-audit.calls")
    return done, calls.read_text().splitlines() if calls.is_file() else []


def test_make_audit_takes_every_lock_of_the_repository() -> None:
    locks = {
        str(path.relative_to(ROOT))
        for path in ROOT.rglob("*.txt")
        if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
        and "--hash=sha256:" in path.read_text(encoding="utf-8")
    }

    done = subprocess.run(
        ["make", "--dry-run", "audit"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": "/usr/bin:/bin"},
    )

    (line,) = (line for line in done.stdout.splitlines() if line.startswith("scripts/audit"))
    assert set(line.split()[3:]) == locks
    assert line.split()[2] == EXCEPTIONS


def test_pipeline_runs_the_audit_and_stops_where_it_fails() -> None:
    buildspec = yaml.safe_load((ROOT / "pipeline" / "buildspecs" / "test.yaml").read_text(encoding="utf-8"))

    # A command that stands alone fails the build with its status.
    assert "make audit" in buildspec["phases"]["build"]["commands"]
    assert "on-failure" not in buildspec["phases"]["build"]


def test_audit_is_strict_and_looks_at_every_lock_before_it_fails(pip_audit: Path) -> None:
    done, calls = audit(pip_audit, "", "bad.txt", "good.txt")

    assert done.returncode == 1
    options = "--strict --disable-pip --require-hashes --requirement"
    assert calls == [f"{options} bad.txt", f"{options} good.txt"]


def test_audit_lets_pass_what_is_excepted_with_a_reason(pip_audit: Path) -> None:
    done, calls = audit(pip_audit, "# a comment\n\nGHSA-1234-5678-9abc we parse no XML\n", "good.txt")

    assert done.returncode == 0
    assert "--ignore-vuln GHSA-1234-5678-9abc --requirement good.txt" in calls[0]


def test_audit_refuses_an_exception_without_a_reason(pip_audit: Path) -> None:
    done, calls = audit(pip_audit, "GHSA-1234-5678-9abc\n", "good.txt")

    assert (done.returncode, calls) == (1, [])
    assert "GHSA-1234-5678-9abc has no reason" in done.stderr


def test_committed_exceptions_have_their_reasons(pip_audit: Path) -> None:
    done, _ = audit(pip_audit, (ROOT / EXCEPTIONS).read_text(encoding="utf-8"), "good.txt")

    assert done.returncode == 0, done.stderr
