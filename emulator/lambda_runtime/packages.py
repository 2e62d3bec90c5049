"""Deployment packages on disk, unpacked and compiled before they are first used."""

import asyncio
import sys
from pathlib import Path

from emulator.lambda_runtime.archive import Package, unpack

# Below this the first environment compiles as fast as an interpreter starts.
WORTH_COMPILING_BYTES = 64 * 1024


class PackageStore:
    """Unpacks zips below one directory, each content once."""

    def __init__(self, directory: Path, *, compile_bytecode: bool) -> None:
        self._directory = directory
        self._compile_bytecode = compile_bytecode
        # Several stacks that are created at once have the same layers.
        self._storing = asyncio.Lock()

    async def store(self, data: bytes) -> Package:
        """The package of these bytes; AwsError when they are no acceptable zip."""
        async with self._storing:
            package = await asyncio.to_thread(unpack, data, self._directory)
            if self._compile_bytecode:
                await self._compile(package.directory)
        return package

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
