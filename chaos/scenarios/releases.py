"""A release that takes over in the middle of a run."""

import contextlib
import io
import time
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from chaos.scenario import Scenario, meanwhile
from chaos.stage import Stage

FUNCTIONS = ("SyncUsers", "WriteRows", "CloseRun")


@contextlib.asynccontextmanager
async def _deploy(stage: Stage, _seed: int) -> AsyncIterator[None]:
    async def release() -> None:
        await stage.listed.wait()
        call, began = stage.stack.emulator.aws.call, time.monotonic()
        for name in FUNCTIONS:
            function = stage.stack.stack.outputs[f"{name}FunctionName"]
            code = (await call("lambda", "GetFunction", FunctionName=function))["Code"]
            package = make_package(Path(unquote(urlsplit(code["Location"]).path)))
            published = await call("lambda", "UpdateFunctionCode", FunctionName=function, ZipFile=package, Publish=True)
            await call(
                "lambda", "UpdateAlias", FunctionName=function, Name="live", FunctionVersion=published["Version"]
            )
            stage.note_if_held_up("release-in-mid-run", began)

    async with meanwhile(release()):
        yield


def make_package(folder: Path) -> bytes:
    """The same code as a package of its own."""
    buffer, note = io.BytesIO(), folder / "release.txt"
    with zipfile.ZipFile(buffer, "w") as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts and path != note:
                archive.write(path, path.relative_to(folder))
        # Longer each time, so that a release of a release is one too.
        archive.writestr(note.name, (note.read_text() if note.exists() else "") + "the next one\n")
    return buffer.getvalue()


SCENARIOS = (
    Scenario(
        "release-in-mid-run",
        "new versions of SyncUsers, WriteRows and CloseRun take over the alias in the middle of a run",
        "an invocation ends in the version that it began in; records say their columns and their version",
        _deploy,
    ),
)
