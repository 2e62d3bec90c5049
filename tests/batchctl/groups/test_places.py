"""A group keeps its stage and a stage its pipeline, whatever comes and goes around them."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from batchctl.groups.group import TenantGroup
from batchctl.groups.places import (
    ACTIONS_PER_PIPELINE,
    ACTIONS_PER_STAGE,
    PLANNED_ACTIONS,
    Places,
    assign_places,
    stage_key,
)

_FIXED = 4


def _group(name: str, wave: int) -> TenantGroup:
    return TenantGroup(name, "", wave, "111122223333", "us-east-1", f"express-batch-{name}")


def _assign(waves: dict[str, int], previous: Places | None = None) -> Places:
    return assign_places([_group(name, wave) for name, wave in waves.items()], previous or Places(), _FIXED, _FIXED)


def _names(count: int, wave: int, prefix: str = "g") -> dict[str, int]:
    return {f"{prefix}{wave}-{index:04}": wave for index in range(count)}


def test_groups_fill_further_stages_when_a_wave_is_full() -> None:
    places = _assign({**_names(1, 0), **_names(ACTIONS_PER_STAGE + 1, 1)})

    assert Counter(places.stages.values()) == {"Wave0a": 1, "Wave1a": ACTIONS_PER_STAGE, "Wave1b": 1}
    assert places.pipelines == {"Wave0a": 1, "Wave1a": 1, "Wave1b": 1}


def test_stage_names_go_on_in_order_when_the_alphabet_ends() -> None:
    places = _assign(_names(28 * ACTIONS_PER_STAGE, 0))

    stages = sorted(set(places.stages.values()), key=stage_key)
    assert (stages[25], stages[26], stages[27]) == ("Wave0z", "Wave0aa", "Wave0ab")


def test_group_opens_a_stage_when_all_of_its_wave_are_full() -> None:
    waves = _names(2 * ACTIONS_PER_STAGE, 0)
    before = _assign(waves)

    after = _assign({**waves, "aa-new": 0}, before)

    assert after.stages == {**before.stages, "aa-new": "Wave0c"}


def test_group_takes_the_free_place_when_another_has_left() -> None:
    before = _assign(_names(2 * ACTIONS_PER_STAGE, 0))
    left = {name: 0 for name in before.stages if name != "g0-0003"}

    after = _assign({**left, "aa-new": 0}, before)

    assert after.stages == {**{name: before.stages[name] for name in left}, "aa-new": "Wave0a"}


def test_group_moves_alone_when_its_wave_is_changed() -> None:
    waves = {**_names(3, 0), **_names(3, 1)}
    before = _assign(waves)

    after = _assign({**waves, "g0-0001": 1}, before)

    assert {name for name in waves if after.stages[name] != before.stages[name]} == {"g0-0001"}


def test_stages_go_on_in_a_second_pipeline_when_the_first_is_planned_full() -> None:
    places = _assign({**_names(1, 0), **_names(449, 1)})

    actions = Counter(places.pipelines[stage] for stage in places.stages.values())
    assert places.pipeline_count == 2
    assert all(count + _FIXED <= PLANNED_ACTIONS for count in actions.values())


def test_stage_finds_room_in_its_waves_pipeline_when_it_comes_later() -> None:
    waves = {**_names(1, 0), **_names(ACTIONS_PER_STAGE, 1), **_names(500, 2)}
    before = _assign(waves)

    after = _assign({**waves, "zz-new": 1}, before)

    assert after.pipelines == {**before.pipelines, "Wave1b": 1}
    assert before.pipeline_count == 2


def test_last_stage_moves_on_when_its_pipeline_is_really_full() -> None:
    waves = {**_names(1, 0), **_names(ACTIONS_PER_STAGE, 1), **_names(500, 2)}
    before = _assign(waves)

    after = _assign({**waves, **_names(3 * ACTIONS_PER_STAGE, 1, "n")}, before)

    moved = {stage for stage, number in before.pipelines.items() if after.pipelines[stage] != number}
    assert moved == {max((stage for stage, number in before.pipelines.items() if number == 1), key=stage_key)}


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 99), st.integers(0, 1)), max_size=60))
def test_nobody_else_moves_and_quotas_hold_whatever_comes_and_goes(steps: list[tuple[bool, int, int]]) -> None:
    waves = {"canary": 0, **{f"g{number:02}": 1 for number in range(0, 99, 3)}}
    places = _assign(waves)
    for adds, number, wave in steps:
        name = f"g{number:02}"
        if adds:
            waves[name] = wave
        elif name in waves:
            del waves[name]
        after = _assign(waves, places)
        stayed = set(waves) & set(places.stages) - {name}
        assert {other: after.stages[other] for other in stayed} == {other: places.stages[other] for other in stayed}
        assert max(Counter(after.stages.values()).values()) <= ACTIONS_PER_STAGE
        assert all(stage_key(stage)[0] == waves[other] for other, stage in after.stages.items())
        ordered = [after.pipelines[stage] for stage in sorted(after.pipelines, key=stage_key)]
        assert ordered == sorted(ordered)
        assert len(waves) < ACTIONS_PER_PIPELINE
        assert _assign(waves, after) == after
        places = after
