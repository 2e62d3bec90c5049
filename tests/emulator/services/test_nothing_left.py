"""Nothing is left running when the process that started the servers is killed."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.emulator.services.test_child_process import wait_for_end

PARENT = """
import asyncio, sys
from pathlib import Path
from emulator.identity import Identity
from emulator.services.mariadb import MariaDb
from emulator.services.moto import Moto
async def main():
    moto = Moto(Identity(), Path(sys.argv[1]) / "moto.log")
    database = MariaDb(Path(sys.argv[1]) / "cache")
    await asyncio.gather(moto.start(), database.start())
    print(moto.pid, database.pid, Path(database.address.socket).parent, flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells a child of its parent's death")
def test_servers_are_gone_when_their_parent_is_killed(tmp_path: Path) -> None:
    # GIVEN a process that runs moto and MariaDB
    root = Path(__file__).parents[3]
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path)], stdout=subprocess.PIPE, cwd=root, text=True
    )
    assert parent.stdout is not None
    moto, database, directory = parent.stdout.readline().split()
    # WHEN it is killed
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    # THEN both are gone
    assert [wait_for_end(int(pid)) for pid in (moto, database)] == [True, True]
    # The directory is left for the next start to sweep; here nobody may come after us.
    shutil.rmtree(directory)
