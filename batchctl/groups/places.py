"""Which stage a group is in, and which pipeline a stage: chosen once, then kept, so that a new group moves no other."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from string import ascii_lowercase

from batchctl.groups.group import TenantGroup

# The last public table of quotas; more were announced since, so this is on the safe side.
# https://docs.aws.amazon.com/general/latest/gr/codepipeline.html
ACTIONS_PER_STAGE = 50  # and so many groups, since each is one action
ACTIONS_PER_PIPELINE = 500
STAGES_PER_PIPELINE = 50
# A pipeline is filled this far when groups are placed for the first time. What is left is for stages that come later,
# which would otherwise push the last stages into the next pipeline.
PLANNED_ACTIONS = 400

_STAGE = re.compile(r"Wave([0-9]+)([a-z]+)")


@dataclass(frozen=True)
class Places:
    """The stage of each group by its name, and the pipeline (1, 2, ...) of each stage by its name."""

    stages: Mapping[str, str] = field(default_factory=dict)
    pipelines: Mapping[str, int] = field(default_factory=dict)

    @property
    def pipeline_count(self) -> int:
        """How many pipelines there are, at least one."""
        return max(self.pipelines.values(), default=1)


def assign_places(groups: Sequence[TenantGroup], previous: Places, fixed_actions: int, fixed_stages: int) -> Places:
    """A place for every group, the one it has where it can keep it.

    A group leaves its stage only with its wave, and a stage its pipeline only when that is full. `fixed_actions` and
    `fixed_stages` are what a pipeline has besides the waves.
    """
    stages = _assign_stages(groups, previous.stages)
    names = sorted(set(stages.values()), key=stage_key)
    members = list(stages.values())
    pipelines: dict[str, int] = {}
    current, actions, count, last_wave = 1, fixed_actions, fixed_stages, 0
    for name in names:
        wave = stage_key(name)[0]
        # The first stage of a later wave brings the stage of its approval along.
        approvals = 1 if wave != last_wave else 0
        needed = members.count(name) + approvals
        limit = ACTIONS_PER_PIPELINE if previous.pipelines else PLANNED_ACTIONS
        wanted = previous.pipelines.get(name, current)
        if wanted > current or actions + needed > limit or count + 1 + approvals > STAGES_PER_PIPELINE:
            current, actions, count = max(wanted, current + 1), fixed_actions, fixed_stages
        pipelines[name] = current
        actions, count, last_wave = actions + needed, count + 1 + approvals, wave
    numbers = {old: new for new, old in enumerate(sorted(set(pipelines.values())), start=1)}
    return Places(dict(sorted(stages.items())), {name: numbers[pipelines[name]] for name in names})


def stage_key(stage: str) -> tuple[int, int, str]:
    """Sorts stages in the order in which they run: Wave0a, Wave1a, ..., Wave1z, Wave1aa, Wave2a."""
    match = _STAGE.fullmatch(stage)
    if match is None:
        raise ValueError(f"{stage!r} is no stage of a wave")
    return int(match[1]), len(match[2]), match[2]


def is_stage_of(stage: str, wave: int) -> bool:
    """Whether the stage belongs to the wave."""
    match = _STAGE.fullmatch(stage)
    return match is not None and int(match[1]) == wave


def _assign_stages(groups: Iterable[TenantGroup], previous: Mapping[str, str]) -> dict[str, str]:
    stages: dict[str, str] = {}
    sizes: dict[str, int] = {}
    homeless = []
    for group in sorted(groups, key=lambda group: group.name):
        stage = previous.get(group.name, "")
        if is_stage_of(stage, group.wave) and sizes.get(stage, 0) < ACTIONS_PER_STAGE:
            stages[group.name] = stage
            sizes[stage] = sizes.get(stage, 0) + 1
        else:
            homeless.append(group)
    for group in homeless:
        stage = next(name for name in _stage_names(group.wave) if sizes.get(name, 0) < ACTIONS_PER_STAGE)
        stages[group.name] = stage
        sizes[stage] = sizes.get(stage, 0) + 1
    return stages


def _stage_names(wave: int) -> Iterator[str]:
    number = 0
    while True:
        letters, rest = "", number
        while rest >= 0:
            letters, rest = ascii_lowercase[rest % 26] + letters, rest // 26 - 1
        yield f"Wave{wave}{letters}"
        number += 1
