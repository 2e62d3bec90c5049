"""`batchctl migrate`: exit statuses, output, and errors of one line."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pymysql
import pytest

from batchctl.database_url import DatabaseUrl
from batchctl.errors import BatchctlError, UsageError
from batchctl.migrate import target as target_module
from batchctl.migrate.apply import apply_steps
from batchctl.migrate.connection import DatabaseTarget
from batchctl.migrate.steps import read_steps
from batchctl.migrate.target import make_group_target, make_url_target
from tests.database.server import ROOT, Probe
from tests.database.steps import ADD_PRICE, CREATE_PLANS, MIGRATIONS, WriteStep, columns_of


class TestCommand:
    """`batchctl migrate` as a process."""

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "batchctl", "migrate", *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
            env={"PATH": "/usr/bin:/bin", "COLUMNS": "200", **environment},
        )

    def url_of(self, target: DatabaseTarget) -> str:
        return f"mysql://{target.user}:{target.make_password()}@{target.host}:{target.port}/{target.name}"

    def test_command_applies_lists_and_has_nothing_left_to_do(self, target: DatabaseTarget) -> None:
        url = self.url_of(target)

        before = self.run("--database-url", url, "--dry-run")
        applied = self.run("--database-url", url, "--json")
        status = self.run("--database-url", url, "--status", "--json")
        after = self.run("--database-url", url, "--dry-run")

        assert "-- 0001_batch_run.sql\nCREATE TABLE" in before.stdout
        assert json.loads(applied.stdout)["applied"] == [step.step_id for step in read_steps(MIGRATIONS)]
        assert {step["state"] for step in json.loads(status.stdout)["steps"]} == {"applied"}
        assert (after.stdout, after.returncode) == ("", 0)
        assert target.make_password() not in applied.stderr + status.stdout

    def test_command_ends_with_1_and_one_line_when_a_step_fails(
        self, target: DatabaseTarget, write_step: WriteStep
    ) -> None:
        folder = write_step("0001_price.sql", "ALTER TABLE plan ADD COLUMN price INT NULL").parent

        failed = self.run("--database-url", self.url_of(target), "--migrations", str(folder))
        status = self.run("--database-url", self.url_of(target), "--migrations", str(folder), "--status")

        assert failed.returncode == 1
        assert failed.stderr.splitlines()[-1].startswith("error: 0001_price.sql, statement 1 of 1, refused by")
        assert status.returncode == 1
        assert "failed" in status.stdout

    @pytest.mark.parametrize(
        ("arguments", "status", "problem"),
        [
            ([], 2, "name one database"),
            (["--database-url", "postgres://x@y/z"], 2, "expected mysql://user:password@"),
            (["--database-url", "mysql://u:p@127.0.0.1:1/x"], 1, "takes no connection as u"),
            (["--tenant-group", "nobody"], 1, "tenant group 'nobody' is unknown"),
            (["--tenant-group", "example", "--database-url", "mysql://u@h/n"], 2, "name one database"),
            (["--database-url", "mysql://u@h/n", "--status", "--dry-run"], 2, "exclude each other"),
            (["--database-url", "mysql://u@h/n", "--host", "h"], 2, "--host and --user go with --tenant-group"),
        ],
    )
    def test_command_says_in_one_line_what_is_wrong(self, arguments: list[str], status: int, problem: str) -> None:
        done = self.run(*arguments)

        assert done.returncode == status
        assert problem in done.stderr.splitlines()[-1]
        assert "Traceback" not in done.stderr

    def test_command_can_be_interrupted_and_goes_on_when_it_runs_again(
        self, target: DatabaseTarget, admin: Probe, write_step: WriteStep
    ) -> None:
        # GIVEN a step that waits for a table
        folder = write_step("0001_plans.sql", CREATE_PLANS).parent
        apply_steps(target, read_steps(folder))
        write_step("0002_price.sql", ADD_PRICE)
        held = pymysql.connect(
            host=target.host, port=target.port, user=target.user, password=target.make_password(), database=target.name
        )
        with held.cursor() as cursor:
            cursor.execute("SELECT * FROM plans")
        command = [sys.executable, "-m", "batchctl", "migrate", "--database-url", self.url_of(target)]
        running = subprocess.Popen([*command, "--migrations", str(folder)], stderr=subprocess.PIPE, text=True, cwd=ROOT)
        while not admin.query(
            "SELECT id FROM information_schema.processlist WHERE db = %s AND state LIKE 'Waiting for table metadata%%'",
            (target.name,),
        ):
            assert running.poll() is None, running.stderr.read() if running.stderr else ""

        # WHEN Ctrl-C is pressed
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=30)
        held.close()

        # THEN it says what may go on, and the same command ends what it had begun
        assert running.returncode == 130, said
        assert "interrupted: the database may still finish the step" in said
        assert "Traceback" not in said
        assert self.run("--database-url", self.url_of(target), "--migrations", str(folder)).returncode == 0
        assert columns_of(admin, "plans") == {"plan", "price"}


class TestTarget:
    """Which database is meant, and how one logs in."""

    @pytest.fixture
    def write_group(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WriteStep:
        """Writes a tenant group's parameters, into a folder of the test's own."""
        monkeypatch.setattr(target_module, "TENANT_GROUPS", tmp_path)

        def write(name: str, parameters: str) -> Path:
            path = tmp_path / f"{name}.yaml"
            path.write_text(f"region: eu-west-1\nparameters:\n{parameters}")
            return path

        return write

    def test_group_logs_in_as_the_migrating_user_by_a_token_of_its_region(
        self, write_group: WriteStep, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write_group("acme", "  DatabaseHost: db.example.com\n  DatabasePort: 3307\n  DatabaseName: acme\n")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")

        target = make_group_target("acme")

        assert (target.host, target.port, target.name, target.user, target.verifies_tls) == (
            "db.example.com",
            3307,
            "acme",
            "express_batch_migrator",
            True,
        )
        token = target.make_password()
        assert token.startswith("db.example.com:3307/?Action=connect&DBUser=express_batch_migrator&")
        assert "eu-west-1%2Frds-db" in token

    def test_group_says_how_to_log_in_when_there_are_no_credentials(
        self, write_group: WriteStep, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        write_group("acme", "  DatabaseHost: db.example.com\n")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))

        with pytest.raises(
            BatchctlError, match=r"no token for express_batch_migrator at db\.example\.com.*aws sso login"
        ):
            make_group_target("acme").make_password()

    def test_group_needs_a_host_when_its_stack_makes_the_proxy(self, write_group: WriteStep) -> None:
        write_group("acme", "  DatabaseMode: create-proxy\n")

        with pytest.raises(UsageError, match=r"tenant group acme.*give --host, the output DatabaseEndpoint"):
            make_group_target("acme")
        assert make_group_target("acme", host="made.example.com").host == "made.example.com"

    def test_group_on_this_machine_logs_in_by_its_password(
        self, write_group: WriteStep, target: DatabaseTarget
    ) -> None:
        write_group(
            "here",
            f"  DatabaseHost: {target.host}\n  DatabasePort: {target.port}\n  DatabaseName: {target.name}\n"
            f"  DatabaseUser: {target.user}\n  DatabaseAuth: password\n  DatabaseTls: 'off'\n"
            f"  DatabasePassword: {target.make_password()}\n",
        )

        assert len(apply_steps(make_group_target("here"), read_steps(MIGRATIONS)).applied) == len(
            read_steps(MIGRATIONS)
        )

    def test_url_verifies_tls_except_on_this_machine(self) -> None:
        far = make_url_target(DatabaseUrl.parse("mysql://u:p@db.example.com/n"))
        here = make_url_target(DatabaseUrl.parse("mysql://u:p@127.0.0.1/n"))

        assert (far.verifies_tls, here.verifies_tls) == (True, False)
