"""A template whose job is killed by one user and hangs at another, and is the example job for everybody else."""

from pathlib import Path

from tests.local.project_folder import make_project

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
    template = make_project(folder, job=JOB)
    for path in (folder / "statemachines").iterdir():
        path.write_text(path.read_text().replace('"MaxAttempts": 3', '"MaxAttempts": 1'))
    return template
