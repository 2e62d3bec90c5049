"""Packages are compiled once, before a dozen environments would each do it."""

import asyncio
from pathlib import Path

import pytest

from emulator.lambda_runtime.packages import PackageStore
from tests.emulator.lambda_runtime.harness import make_zip

LARGE = {"big.py": "x = 1\n" * 20_000, "broken.py": "def (:\n"}


@pytest.mark.parametrize(("compile_bytecode", "expected"), [(True, ["big"]), (False, [])])
def test_store_compiles_large_packages_when_asked_to(
    tmp_path: Path, compile_bytecode: bool, expected: list[str]
) -> None:
    async def scenario() -> None:
        store = PackageStore(tmp_path, compile_bytecode=compile_bytecode)
        package = await store.store(make_zip(LARGE))
        compiled = [path.name.split(".")[0] for path in package.directory.glob("__pycache__/*.pyc")]
        assert compiled == expected

    asyncio.run(scenario())
