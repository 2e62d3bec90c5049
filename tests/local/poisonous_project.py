"""A template whose job is killed by one user and hangs at another, and is the example job for everybody else."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KILLER, HANGER = "poison-killer", "poison-hanger"
JOB = f"""\
import os
import time

from job import loyalty_points

SELECT_USERS, TABLE, make_row = loyalty_points.SELECT_USERS, loyalty_points.TABLE, loyalty_points.make_row


async def call_api(api, user):
    if user.user_id == "{KILLER}":
        os._exit(1)  # as a crash inside a C extension would
    if user.user_id == "{HANGER}":
        time.sleep(600)  # blocks the event loop, so that no time-out of the platform's can end it
    return await loyalty_points.call_api(api, user)
"""


def make_poisonous_template(folder: Path) -> Path:
    """template.yaml with that job; a slice that dies is tried twice and not four times, which spares the tests time."""
    template = folder / "template.yaml"
    template.write_text((ROOT / "template.yaml").read_text())
    for name in ("functions", "batchctl", "migrations"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "layers" / "job" / "job").mkdir(parents=True)
    (folder / "layers" / "batch").symlink_to(ROOT / "layers" / "batch")
    for name in ("Makefile", "job/loyalty_points.py"):
        (folder / "layers" / "job" / name).write_text((ROOT / "layers" / "job" / name).read_text())
    (folder / "layers" / "job" / "job" / "poisonous.py").write_text(JOB)
    (folder / "layers" / "job" / "job" / "__init__.py").write_text("from job import poisonous as job\n")
    (folder / "statemachines").mkdir()
    for path in (ROOT / "statemachines").iterdir():
        text = path.read_text().replace('"MaxAttempts": 3', '"MaxAttempts": 1')
        (folder / "statemachines" / path.name).write_text(text)
    return template
