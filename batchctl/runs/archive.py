"""Past runs on this machine, a file each in .local/runs/: a local stack is gone when its run has ended."""

import contextlib
import os
import re
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from batchctl.errors import BatchctlError
from batchctl.runs.collect import RunNotFoundError
from batchctl.runs.findings import find_all
from batchctl.runs.history import PREVIOUS_RUNS, REPEATING_RUNS
from batchctl.runs.run_data import RunData, RunHead
from batchctl.runs.run_file import RunFileError, decode_head, decode_run, encode_run

KEPT_RUNS = 50
_NAME = re.compile(r"[0-9]{8}T[0-9]{6}Z[0-9A-Za-z-]*")


class NoRunsError(BatchctlError):
    """There is nothing to report of."""


@dataclass
class Archive:
    """The files, newest first; one that cannot be read is passed over and told in `problems`."""

    folder: Path
    problems: list[str] = field(default_factory=list)

    def save(self, data: RunData) -> Path:
        """The file, whole or not at all; those beyond the last KEPT_RUNS go."""
        self.folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=self.folder, prefix=f".{data.head.run_id}")
        path = self.folder / f"{data.head.run_id}.json"
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(encode_run(data))
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        for old in self._paths()[KEPT_RUNS:]:
            old.unlink(missing_ok=True)
            self._objects_path(old.stem).unlink(missing_ok=True)
        return path

    def save_objects(self, run_id: str, objects: Mapping[str, bytes]) -> None:
        """Chunks and failure records beside the run, so that `why` can still tell of each user."""
        handle, name = tempfile.mkstemp(dir=self.folder, prefix=f".{run_id}")
        try:
            with (
                os.fdopen(handle, "wb") as file,
                zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed,
            ):
                for key, body in objects.items():
                    packed.writestr(key, body)
            Path(name).replace(self._objects_path(run_id))
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    def objects(self, run_id: str) -> dict[str, bytes]:
        """What `save_objects` has kept; empty where there is nothing that can be read."""
        try:
            with zipfile.ZipFile(self._objects_path(run_id)) as packed:
                return {name: packed.read(name) for name in packed.namelist()}
        except (OSError, zipfile.BadZipFile):
            return {}

    def _objects_path(self, run_id: str) -> Path:
        return self.folder / f"{run_id}.objects.zip"

    def run_ids(self) -> list[str]:
        """The newest first."""
        return [path.stem for path in self._paths()]

    def load(self, run_id: str) -> RunData:
        """One run. Raises RunNotFoundError, and BatchctlError for a file that is none."""
        path = self.folder / f"{run_id}.json"
        if not _NAME.fullmatch(run_id) or not path.is_file():
            raise RunNotFoundError(
                f"run {run_id} is not among the past runs of this machine ({self.folder}): `batchctl runs` lists them"
            )
        try:
            return decode_run(path.read_bytes())
        except (RunFileError, OSError) as error:
            raise BatchctlError(f"{path} cannot be read ({error}): remove it") from error

    def heads(self, limit: int, tenant_group: str | None = None, before: str | None = None) -> list[RunHead]:
        """The heads of the newest runs."""
        heads: list[RunHead] = []
        for run_id in self.run_ids():
            if len(heads) == limit:
                break
            if before is not None and run_id >= before:
                continue
            try:
                head = decode_head((self.folder / f"{run_id}.json").read_bytes())
            except (RunFileError, OSError) as error:
                self.problems.append(f"{self.folder / run_id}.json cannot be read ({error}): remove it")
                continue
            if tenant_group in (None, head.tenant_group):
                heads.append(head)
        return heads

    def newest(self) -> str:
        """The newest run that can be read. Raises NoRunsError."""
        heads = self.heads(1)
        if not heads:
            raise NoRunsError(
                f"there are no runs on this machine yet ({self.folder}): `make run` makes one; --stack NAME reads AWS"
            )
        return heads[0].run_id

    def _paths(self) -> list[Path]:
        with contextlib.suppress(OSError):
            return sorted((path for path in self.folder.glob("*.json") if _NAME.fullmatch(path.stem)), reverse=True)
        return []


def compare_with_past(data: RunData, archive: Archive) -> RunData:
    """The run with the archive's runs of its group as those before it, where its own stack has had none."""
    if data.previous:
        return data
    heads = archive.heads(PREVIOUS_RUNS, data.head.tenant_group, before=data.head.run_id)
    users = data.failed_users
    going = {user.user_id for user in users}
    for number, head in enumerate(heads[:REPEATING_RUNS], 2):
        if not going or not head.users_failed:
            break
        going &= {user.user_id for user in archive.load(head.run_id).failed_users}
        users = [replace(user, runs=number) if user.user_id in going else user for user in users]
    compared = replace(data, previous=heads, failed_users=users)
    return replace(compared, findings=find_all(compared))
