"""Deployment packages on disk, unpacked and compiled before they are first used."""

import asyncio
import shutil
import sys
from collections.abc import Set
from pathlib import Path

from emulator.lambda_runtime.archive import SCRATCH, Package, unpack

# Below this the first environment compiles as fast as an interpreter starts.
WORTH_COMPILING_BYTES = 64 * 1024


class PackageStore:
    """Unpacks zips below one directory, each content once."""

    def __init__(self, directory: Path, *, compile_bytecode: bool) -> None:
        self._directory = directory
        self._compile_bytecode = compile_bytecode
        # Several stacks that are created at once have the same layers.
        self._storing = asyncio.Lock()
        self._unused: set[Path] = set()  # when it was last looked

    async def store(self, data: bytes) -> Package:
        """The package of these bytes; AwsError when they are no acceptable zip."""
        async with self._storing:
            package = await asyncio.to_thread(unpack, data, self._directory)
            self._unused.discard(package.directory)
            if self._compile_bytecode:
                await self._compile(package.directory)
        return package

    def drop_unused(self, used: Set[Path]) -> int:
        """How many packages were removed: those not in `used` now and the last time, as a new one may be on its way."""
        if not self._directory.is_dir():
            return 0
        unused = {path for path in self._directory.iterdir() if not path.name.startswith(SCRATCH)} - used
        doomed = unused & self._unused
        for directory in doomed:
            shutil.rmtree(directory)
        self._unused = unused - doomed
        return len(doomed)

    async def _compile(self, directory: Path) -> None:
        """Leave .pyc files, or a dozen environments that start together would each compile the same modules."""
        sources = [path for path in directory.rglob("*.py") if not (path.parent / "__pycache__").exists()]
        if sum(path.stat().st_size for path in sources) < WORTH_COMPILING_BYTES:
            return
        # What does not compile is the function's own affair: its INIT reports it.
        process = await asyncio.create_subprocess_exec(
            *(getattr(sys, "_base_executable", sys.executable), "-I", "-S", "-W", "ignore", "-m", "compileall"),
            *("-qq", "-j", "2", "--invalidation-mode", "unchecked-hash", str(directory)),
            stdout=asyncio.subprocess.DEVNULL,
        )
        await process.wait()
