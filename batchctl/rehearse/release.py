"""The release of all groups, wave by wave: what is done in which order, and what a failure stops."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from batchctl.groups.group import TenantGroup


class Stage(StrEnum):
    """How far a group has come."""

    UNTOUCHED = "untouched"
    MIGRATION = "migration"
    DEPLOYMENT = "deployment"
    SMOKE_RUN = "smoke run"
    RELEASED = "released"


class StageFailedError(Exception):
    """A group could not go on; the message is the cause in one line."""


@dataclass
class GroupProgress:
    """One group's place in the release."""

    group: TenantGroup
    stage: Stage = Stage.UNTOUCHED
    problem: str | None = None
    seconds: float = 0.0


@dataclass
class Release:
    """All groups, by wave; `changed` is called whenever one of them has moved."""

    groups: Sequence[TenantGroup]
    changed: Callable[[], None] = lambda: None
    progress: dict[str, GroupProgress] = field(init=False)

    def __post_init__(self) -> None:
        self.progress = {group.name: GroupProgress(group) for group in self.groups}

    @property
    def waves(self) -> dict[int, list[TenantGroup]]:
        """The groups of each wave, the canary's first."""
        waves: dict[int, list[TenantGroup]] = defaultdict(list)
        for group in sorted(self.groups, key=lambda group: (group.wave, group.name)):
            waves[group.wave].append(group)
        return dict(waves)

    @property
    def failed(self) -> list[GroupProgress]:
        """Groups that could not go on."""
        return [progress for progress in self.progress.values() if progress.problem is not None]

    def describe_failure(self) -> str | None:
        """Which group, stage and cause, and what stayed untouched, in one line; None when all went well."""
        if not self.failed:
            return None
        causes = "; ".join(
            f"wave {item.group.wave}, group {item.group.name}, {item.stage}: {item.problem}" for item in self.failed
        )
        untouched = sorted({p.group.wave for p in self.progress.values() if p.stage == Stage.UNTOUCHED})
        if not untouched:
            return causes
        return f"{causes} (untouched: wave{'s' if len(untouched) > 1 else ''} {', '.join(map(str, untouched))})"


StageWork = Callable[[TenantGroup], Awaitable[None]]


async def carry_out(release: Release, stages: Sequence[tuple[Stage, StageWork]]) -> None:
    """Take every group of a wave through all stages at the same time; a failure stops later waves, not neighbours."""
    for groups in release.waves.values():
        await asyncio.gather(*(_take_through(release, group, stages) for group in groups))
        if release.failed:
            return


async def _take_through(release: Release, group: TenantGroup, stages: Sequence[tuple[Stage, StageWork]]) -> None:
    progress = release.progress[group.name]
    clock = asyncio.get_running_loop().time
    started = clock()
    try:
        for stage, work in stages:
            progress.stage = stage
            release.changed()
            await work(group)
        progress.stage = Stage.RELEASED
    except StageFailedError as error:
        progress.problem = str(error)
    finally:
        progress.seconds = clock() - started
        release.changed()
