"""The order of a release and what a failure stops, with stages that are fakes."""

import asyncio

from batchctl.groups.group import TenantGroup
from batchctl.rehearse.release import Release, Stage, StageFailedError, carry_out


def make_group(name: str, wave: int) -> TenantGroup:
    return TenantGroup(name, "", wave, "111122223333", "us-east-1", f"express-batch-{name}")


GROUPS = [make_group("large", 2), make_group("canary", 0), make_group("one", 1), make_group("two", 1)]


class FakeStages:
    """Notes what was done for whom; fails where it is told to."""

    def __init__(self, failing: dict[tuple[str, Stage], str] | None = None) -> None:
        self.done: list[tuple[Stage, str]] = []
        self._failing = failing or {}
        self.at_once = self.most_at_once = 0

    async def work(self, stage: Stage, group: TenantGroup) -> None:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        if (group.name, stage) in self._failing:
            raise StageFailedError(self._failing[group.name, stage])
        self.done.append((stage, group.name))

    def run(self, release: Release) -> None:
        """Carry the release out."""
        stages = [
            (stage, lambda group, stage=stage: self.work(stage, group))
            for stage in (Stage.MIGRATION, Stage.DEPLOYMENT, Stage.SMOKE_RUN)
        ]
        asyncio.run(carry_out(release, stages))


def test_release_goes_wave_by_wave_from_the_canary_on() -> None:
    fakes = FakeStages()
    release = Release(GROUPS)

    fakes.run(release)

    smoked = [name for stage, name in fakes.done if stage == Stage.SMOKE_RUN]
    assert (smoked[0], set(smoked[1:3]), smoked[3]) == ("canary", {"one", "two"}, "large")
    assert fakes.most_at_once == 2
    assert release.describe_failure() is None
    assert {item.stage for item in release.progress.values()} == {Stage.RELEASED}


def test_release_leaves_later_waves_untouched_when_the_canary_fails() -> None:
    fakes = FakeStages({("canary", Stage.SMOKE_RUN): "partner API at https://p does not answer"})
    release = Release(GROUPS)

    fakes.run(release)

    assert {name for _, name in fakes.done} == {"canary"}
    assert release.progress["one"].stage == release.progress["large"].stage == Stage.UNTOUCHED
    assert release.describe_failure() == (
        "wave 0, group canary, smoke run: partner API at https://p does not answer (untouched: waves 1, 2)"
    )


def test_release_lets_the_neighbours_finish_when_one_of_a_wave_fails() -> None:
    fakes = FakeStages({("one", Stage.MIGRATION): "0005_x.sql, statement 1: MySQL error 1146"})
    release = Release(GROUPS)

    fakes.run(release)

    assert release.progress["two"].stage == Stage.RELEASED
    assert (release.progress["one"].stage, release.progress["large"].stage) == (Stage.MIGRATION, Stage.UNTOUCHED)
    assert (Stage.DEPLOYMENT, "one") not in fakes.done


def test_release_tells_every_step() -> None:
    seen: list[str] = []
    release = Release([make_group("canary", 0)])
    release.changed = lambda: seen.append(release.progress["canary"].stage)

    FakeStages().run(release)

    assert seen == ["migration", "deployment", "smoke run", "released"]
