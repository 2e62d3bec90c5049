"""moto as a child."""

import asyncio
import urllib.request
from pathlib import Path

from emulator.identity import Identity
from emulator.services.moto import Moto
from emulator.stack.aws_caller import BotoCaller
from tests.emulator.services.test_child_process import wait_for_end


def test_moto_answers_for_the_given_account_and_is_gone_when_stopped(tmp_path: Path) -> None:
    async def scenario() -> tuple[str, int]:
        moto = Moto(Identity(account_id="999988887777"), tmp_path / "moto.log")
        url = await moto.start()
        body = b"Action=GetCallerIdentity&Version=2011-06-15"
        credential = (
            "AWS4-HMAC-SHA256 Credential=local/20261122/us-east-1/sts/aws4_request, SignedHeaders=host, Signature=0"
        )
        request = urllib.request.Request(url, data=body, headers={"Authorization": credential})

        def fetch() -> str:
            with urllib.request.urlopen(request, timeout=60) as answer:
                text: str = answer.read().decode()
                return text

        text = await asyncio.to_thread(fetch)
        pid = moto.pid
        await moto.stop()
        return text, pid

    text, pid = asyncio.run(scenario())
    assert "<Account>999988887777</Account>" in text
    assert wait_for_end(pid, 0)


def test_two_motos_have_ports_of_their_own_when_started_together(tmp_path: Path) -> None:
    async def scenario() -> tuple[str, str]:
        first, second = (Moto(Identity(), tmp_path / name) for name in ("a.log", "b.log"))
        urls = await asyncio.gather(first.start(), second.start())
        await asyncio.gather(first.stop(), second.stop())
        return urls

    one, other = asyncio.run(scenario())
    assert one != other


def test_deleted_objects_are_in_no_list_of_motos(tmp_path: Path) -> None:
    # A server that runs for weeks would grow by each object that it ever had.
    async def scenario() -> str:
        moto = Moto(Identity(), tmp_path / "moto.log")
        try:
            url = await moto.start()
            caller = BotoCaller(url, Identity())
            await caller.call("s3", "CreateBucket", Bucket="runs")
            for key in ("runs/1", "runs/2"):
                await caller.call("s3", "PutObject", Bucket="runs", Key=key, Body=b"x")
                await caller.call("s3", "DeleteObjects", Bucket="runs", Delete={"Objects": [{"Key": key}]})
            caller.close()

            def fetch() -> str:
                with urllib.request.urlopen(f"{url}/moto-api/data.json", timeout=60) as answer:
                    text: str = answer.read().decode()
                    return text

            return await asyncio.to_thread(fetch)
        finally:
            await moto.stop()

    assert "runs/1" not in asyncio.run(scenario())
