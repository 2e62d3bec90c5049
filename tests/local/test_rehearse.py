"""The release, rehearsed: real stacks side by side, each on its own parameters."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from batchctl.groups.group import TenantGroup
from batchctl.groups.project import Project
from batchctl.groups.reading import read_groups
from batchctl.local.database import connect, seed_users
from batchctl.rehearse.rehearsal import Rehearsal, open_rehearsal
from batchctl.rehearse.release import StageFailedError
from tests.local.rehearsal_project import ROOT, make_project

WAVES = {"canary": 0, "alpha": 1, "beta": 1}


def rehearse(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The ended command."""
    command = [sys.executable, "-m", "batchctl", "pipeline", "rehearse", "--groups-root", str(project), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=300)


def stages(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """{group: stage} of the printed object."""
    return {group["name"]: group["stage"] for group in json.loads(done.stdout)["groups"]}


def test_rehearsal_releases_every_group_also_one_that_shares_the_limits_of_an_earlier_wave(tmp_path: Path) -> None:
    project = make_project(tmp_path, WAVES, CallsPerSecond="100")
    with (project / "pipeline/tenant-groups/alpha.yaml").open("a") as alpha:
        alpha.write("  PartnerLimitTableName: express-batch-canary-PartnerLimits\n")

    done = rehearse(project, "--users", "30", "--json")

    assert (done.returncode, done.stderr) == (0, "")
    assert set(stages(done).values()) == {"released"}


def test_rehearsal_releases_the_neighbours_and_leaves_later_waves_untouched_when_a_canary_fails(
    tmp_path: Path,
) -> None:
    project = make_project(tmp_path, {"canary": 0, "twin": 0, "alpha": 1})

    done = rehearse(project, "--users", "30", "--fail", "canary", "--json")

    assert done.returncode == 1
    assert stages(done) == {"canary": "smoke run", "twin": "released", "alpha": "untouched"}
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: the release stopped: wave 0, group canary, smoke run: DryRunFailed")
    assert line.endswith("(untouched: wave 1)")


def test_rehearsal_refuses_a_group_that_does_not_exist(tmp_path: Path) -> None:
    done = rehearse(make_project(tmp_path, WAVES), "--fail", "nobody")

    assert done.returncode == 2
    assert "nobody" in done.stderr
    assert "alpha, beta, canary" in done.stderr


async def _release(rehearsal: Rehearsal, group: TenantGroup, users: int) -> dict[str, Any]:
    """The account of a whole run of the group, after its release."""
    await rehearsal.migrate(group)
    await asyncio.to_thread(seed_users, rehearsal.database_of(group), users)
    await rehearsal.deploy(group)
    await rehearsal.smoke_run(group)
    execution = await rehearsal.emulator.state_machines.start(
        rehearsal.stack_of(group).outputs["UserBatchArn"], {"scheduled_time": "2026-01-01T00:10:00Z"}
    )
    await execution.wait()
    account: dict[str, Any] = execution.output
    return account


def _read(rehearsal: Rehearsal, group: TenantGroup, statement: str) -> list[tuple[Any, ...]]:
    with connect(rehearsal.database_of(group)) as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())


def test_groups_that_run_at_the_same_time_touch_nothing_of_each_other(tmp_path: Path) -> None:
    project = Project(make_project(tmp_path, WAVES))
    alpha, beta, _ = read_groups(project)

    async def run() -> None:
        async with open_rehearsal(project, 0, (), lambda _: None) as rehearsal:
            # GIVEN two groups with users of the same ids, 40 and 70 of them
            accounts = await asyncio.gather(_release(rehearsal, alpha, 40), _release(rehearsal, beta, 70))

            # THEN each has its own users' rows, ledger, bucket, stream and functions, and no more
            assert [account["rows_written"] for account in accounts] == [40, 70]
            assert len(_read(rehearsal, alpha, "SELECT 1 FROM loyalty_points")) == 40
            assert len(_read(rehearsal, beta, "SELECT 1 FROM loyalty_points")) == 70
            assert _read(rehearsal, alpha, "SELECT tenant_group, users_listed FROM batch_run") == [("alpha", 40)]
            assert _read(rehearsal, beta, "SELECT tenant_group, users_listed FROM batch_run") == [("beta", 70)]
            first, second = (rehearsal.stack_of(group) for group in (alpha, beta))
            shared = {name for name in first.outputs if first.outputs[name] == second.outputs[name]}
            assert shared <= {"DatabaseEndpoint"}
            for stack in (first, second):
                listed = await rehearsal.emulator.aws.call("s3", "ListObjectsV2", Bucket=stack.outputs["RunBucketName"])
                keys = [item["Key"] for item in listed["Contents"] if not item["Key"].startswith("runs/dry-")]
                assert len(keys) == 5  # whose turn it is, started, listing, one chunk, closed

    asyncio.run(run())


def test_deployment_names_step_and_cause_when_the_change_set_fails(tmp_path: Path) -> None:
    project = Project(make_project(tmp_path, {"canary": 0}))
    (canary,) = read_groups(project)

    async def run() -> None:
        async with open_rehearsal(project, 0, (), lambda _: None) as rehearsal:
            rehearsal.template_url += ".gone"

            with pytest.raises(StageFailedError, match=r"^change set: S3 error: The specified key does not exist"):
                await rehearsal.deploy(canary)

    asyncio.run(run())
