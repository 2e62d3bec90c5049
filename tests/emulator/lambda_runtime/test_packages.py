"""Packages on disk, each content once."""

import asyncio
from pathlib import Path

from emulator.lambda_runtime.packages import PackageStore
from tests.emulator.lambda_runtime.harness import make_zip


def test_package_is_unpacked_once_when_it_comes_several_times_at_once(tmp_path: Path) -> None:
    data = make_zip({f"module_{number}.py": "x = 1\n" for number in range(200)})

    async def store_at_once() -> set[Path]:
        store = PackageStore(tmp_path / "packages", compile_bytecode=False)
        packages = await asyncio.gather(*(store.store(data) for _ in range(8)))
        return {package.directory for package in packages}

    (directory,) = asyncio.run(store_at_once())

    assert len(list(directory.iterdir())) == 200
    assert list(directory.parent.iterdir()) == [directory]


def test_package_is_removed_when_nobody_has_it_twice_in_a_row(tmp_path: Path) -> None:
    async def scenario() -> None:
        store = PackageStore(tmp_path / "packages", compile_bytecode=False)
        assert store.drop_unused(set()) == 0
        kept, gone = [(await store.store(make_zip({"app.py": f"x = {number}"}))).directory for number in range(2)]

        assert (store.drop_unused({kept}), gone.is_dir()) == (0, True)
        # Somebody has just stored it again.
        await store.store(make_zip({"app.py": "x = 1"}))
        assert (store.drop_unused({kept}), gone.is_dir()) == (0, True)
        assert (store.drop_unused({kept}), gone.is_dir(), kept.is_dir()) == (1, False, True)
        assert store.drop_unused({kept}) == 0

    asyncio.run(scenario())
