"""The child process: ready, controlled, stopped, and dead with its parent."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from emulator.partner_api import LastAnswer, OptionError, PartnerApi, PartnerApiError, PartnerApiOptions


def fetch(url: str) -> int:
    with urllib.request.urlopen(url, timeout=10) as response:
        response.read()
        return int(response.status)


def test_partner_api_serves_and_stops_when_started_as_a_child(tmp_path: Path) -> None:
    async def scenario() -> None:
        # GIVEN a child
        api = PartnerApi(PartnerApiOptions(latency_ms=1), log_path=tmp_path / "partner.log")
        url = await api.start()
        try:
            # WHEN a user is called twice
            for _ in range(2):
                assert await asyncio.to_thread(fetch, f"{url}/v1/users/u1/points") == 200
            # THEN answers, calls and statistics say so, until the reset
            assert (await api.answers())["u1"].calls == 2
            assert isinstance((await api.answers())["u1"], LastAnswer)
            assert await api.calls_by_user() == {"u1": 2}
            assert (await api.stats())["good"] == 2
            await api.reset()
            assert await api.answers() == {}
        finally:
            pid = api.pid
            await api.stop()
        assert pid is not None
        assert not Path(f"/proc/{pid}").exists()
        await api.stop()  # harmless

    asyncio.run(scenario())


def test_set_options_changes_the_child_and_removes_overrides() -> None:
    async def scenario() -> None:
        # GIVEN a child with a poisonous user
        api = PartnerApi(PartnerApiOptions(latency_ms=0))
        url = await api.start()
        try:
            await api.set_options(users={"u1": {"fault": "error_503"}})
            with pytest.raises(urllib.error.HTTPError) as caught:
                await asyncio.to_thread(fetch, f"{url}/v1/users/u1/points")
            caught.value.close()
            # WHEN the override is removed / THEN it answers; a wrong option is refused and changes nothing
            options = await api.set_options(users={"u1": None}, latency_ms=1)
            assert not options.users
            assert await asyncio.to_thread(fetch, f"{url}/v1/users/u1/points") == 200
            with pytest.raises(OptionError, match="latency_ms"):
                await api.set_options(latency_ms=-1)
        finally:
            await api.stop()

    asyncio.run(scenario())


def test_start_names_the_log_when_the_child_cannot_listen(tmp_path: Path) -> None:
    async def scenario() -> None:
        with socket.socket() as taken:
            # GIVEN a port that is taken
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            api = PartnerApi(log_path=tmp_path / "partner.log", port=taken.getsockname()[1])
            # WHEN started / THEN the error names the log, which names the port and the remedy
            with pytest.raises(PartnerApiError, match=r"partner\.log"):
                await api.start()
        assert "--port" in (tmp_path / "partner.log").read_text()

    asyncio.run(scenario())


def test_stats_say_to_start_when_it_does_not_run() -> None:
    # GIVEN no child / WHEN asked / THEN the error says what to do
    with pytest.raises(PartnerApiError, match=r"start\(\)"):
        asyncio.run(PartnerApi().stats())


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux's")
def test_child_dies_when_its_parent_is_killed() -> None:
    # GIVEN a parent with a child
    program = (
        "import asyncio, os\n"
        "from emulator.partner_api import PartnerApi\n"
        "async def main():\n"
        "    api = PartnerApi()\n"
        "    await api.start()\n"
        "    print(api.pid, flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    child_gone = os.pidfd_open(child)
    # WHEN the parent is killed
    parent.kill()
    parent.wait()
    parent.stdout.close()
    # THEN the child ends too: its pidfd becomes readable
    with contextlib.closing(os.fdopen(child_gone, "rb", buffering=0)) as handle:
        assert select.select([handle], [], [], 10)[0]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [(["--error-rate", "2"], "error_rate"), (["--options-json", "{"], "Expecting"), (["--seed", "x"], "--seed")],
)
def test_command_line_names_the_option_when_it_is_wrong(arguments: list[str], named: str) -> None:
    # GIVEN a wrong option / WHEN started / THEN it exits 2 and names it
    command = [sys.executable, "-m", "emulator.partner_api", *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert result.returncode == 2
    assert named in result.stderr


def test_command_line_prints_the_url_and_ends_on_sigterm() -> None:
    # GIVEN the program by itself
    command = [sys.executable, "-m", "emulator.partner_api", "--latency-ms", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        # WHEN it says its URL / THEN it serves there, and ends cleanly
        url = process.stdout.readline().split()[-1]
        assert fetch(f"{url}/v1/users/u1/points") == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
