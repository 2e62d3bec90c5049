"""The runs, one after the other on one stack, each with its fault, and a sample now and then."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from chaos.play import NOT_STRUCK, play
from chaos.scenario import Scenario
from chaos.soak.faults import CALM, CALM_SHARE, FAULTS, check_needs, draw_faults
from chaos.soak.growth import Growth, Measure, judge
from chaos.soak.measuring import KINDS, Sample, settle, take_sample
from chaos.soak.stepped_calendar import SteppedCalendar
from chaos.soak.upkeep import delete_old_versions
from chaos.stage import Needs, Schedule, Stage, open_stage
from chaos.verdict import Verdict
from emulator.emulator import EmulatorOptions

# An hour, because S3 keeps whole days: with ten minutes two hundred runs would be over before anything had expired.
BETWEEN_RUNS = timedelta(hours=1)
# Retention as short as the template and AWS allow, and slices small enough for every fault to strike.
NEEDS = Needs(
    parameters={
        "ChunkSize": "250",
        "UsersPerInvocation": "50",
        "RunRetentionDays": "1",
        "LedgerRetentionDays": "1",
        "LogRetentionDays": "1",
        "Tracing": "Active",
    }
)
# The emulator's bounds by number are such that they are reached in the first third of the runs.
KEPT = EmulatorOptions(kept_executions=20, kept_trace_documents=1_000, kept_log_lines=200, idle_seconds=60)
RED_IN_A_ROW = 3  # beyond it the stack is not what it was, and the rest would tell nothing


@dataclass(frozen=True)
class SoakOptions:
    """What one may ask for."""

    runs: int = 200
    users: int = 500
    seed: int = 1
    sample_every: int = 4
    faults: Sequence[Scenario] = FAULTS
    calm_share: float = CALM_SHARE  # of the runs


@dataclass
class SoakResult:
    """What came of it; also of a part, where it was stopped."""

    options: SoakOptions
    runs: int = 0
    seconds: float = 0.0
    met: Counter[str] = field(default_factory=Counter)  # runs by their faults
    struck: Counter[str] = field(default_factory=Counter)  # of these, those in which it really struck
    redriven: int = 0
    problems: list[str] = field(default_factory=list)
    samples: list[tuple[int, Sample]] = field(default_factory=list)
    was_stopped: bool = False

    def growths(self) -> list[Growth]:
        """The verdict on each measure."""
        runs = max(self.runs, 1)
        series = {name: [(run, sample[name]) for run, sample in self.samples if name in sample] for name in KINDS}
        return [judge(Measure(name, KINDS[name], found), runs) for name, found in series.items() if found]

    @property
    def is_green(self) -> bool:
        """Every user accounted for in every run, and nothing that grows."""
        return not self.problems and not any(growth.grows for growth in self.growths())


Tell = Callable[[SoakResult, str], None]


async def soak(options: SoakOptions, tell: Tell) -> SoakResult:
    """The result; cancelled, that of the runs so far. The stack has ended by then."""
    check_needs(options.faults)
    result = SoakResult(options)
    schedule_start = datetime(2026, 1, 1, tzinfo=UTC)
    calendar = SteppedCalendar(schedule_start)
    schedule = Schedule(BETWEEN_RUNS, calendar.step_to)
    tell(result, "preparing")
    async with open_stage(
        NEEDS,
        options.users,
        options.seed,
        lambda _: None,
        emulator_options=replace(KEPT, calendar=calendar),
        tracing=True,
        schedule=schedule,
    ) as stage:
        try:
            await _run_all(stage, options, calendar, result, tell)
        except asyncio.CancelledError:
            result.was_stopped = True
    return result


async def _run_all(
    stage: Stage, options: SoakOptions, calendar: SteppedCalendar, result: SoakResult, tell: Tell
) -> None:
    started, red = time.monotonic(), 0
    faults = draw_faults(options.seed, options.faults, options.calm_share)
    for number, scenario in zip(range(1, options.runs + 1), faults, strict=False):
        tell(result, scenario.name)
        verdict = await _play(scenario, stage, options.seed, number)
        await delete_old_versions(stage)
        red = 0 if verdict.is_green else red + 1
        _take(result, number, scenario, verdict)
        if number % options.sample_every == 0:
            await settle(stage)
            result.samples.append((number, await take_sample(stage, calendar, BETWEEN_RUNS)))
        else:
            await stage.stack.emulator.retention.sweep()
        result.runs, result.seconds = number, time.monotonic() - started
        if red == RED_IN_A_ROW:
            result.problems.append(f"given up after {red} runs in a row that were not accounted for")
            return


async def _play(scenario: Scenario, stage: Stage, seed: int, number: int) -> Verdict:
    try:
        verdict = await play(scenario, stage, seed, draw=seed + number)
    except Exception as error:  # noqa: BLE001  # the verdict on the runs so far is wanted
        return Verdict(scenario.name, stage.users, problems=[f"{type(error).__name__}: {error}"])
    # With so few users a run may be over before the fault comes: that is counted, and is no problem here.
    verdict.problems = [problem for problem in verdict.problems if problem != NOT_STRUCK]
    return verdict


def _take(result: SoakResult, number: int, scenario: Scenario, verdict: Verdict) -> None:
    result.met[scenario.name] += 1
    result.struck[scenario.name] += verdict.strikes > 0
    result.redriven += scenario is not CALM and verdict.made_whole_by not in ("", "itself")
    result.problems += [f"run {number}, {scenario.name}: {problem}" for problem in verdict.problems]
