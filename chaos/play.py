"""One scenario on a stage: the runs under the fault, what they said, and how everything was made whole again."""

import time

from chaos.processes import describe_difference, list_commands
from chaos.scenario import Scenario
from chaos.stage import Stage
from chaos.verdict import Allowed, RunWord, Verdict, allow_answers_since, compare, judge_run, nobody
from emulator.step_functions import Execution

REPAIRS = 3
NOT_STRUCK = "the fault has not struck"


async def play(scenario: Scenario, stage: Stage, seed: int, draw: int | None = None) -> Verdict:
    """The line of the table. The stage is as before when the verdict is green.

    `seed` is that of the partner's answers, and decides whom the fault hits where `draw` does not.
    """
    verdict = Verdict(scenario.name, stage.users)
    stage.faults.forget()
    zygote = stage.stack.emulator.functions.zygote_pid
    processes = list_commands(without=zygote)
    calls_before = await stage.count_calls()
    before = await stage.model()
    allowed = allow_answers_since(before, seed) if scenario.calls_overlap else nobody
    began = time.monotonic()
    ended: list[tuple[Execution, str]] = []
    async with scenario.around(stage, seed if draw is None else draw):
        for _ in range(scenario.runs):
            await scenario.before_each(stage)
            execution = await stage.start()
            await execution.wait()
            ended.append((execution, _run_id(execution)))
    if not await stage.drain():
        verdict.problems.append("the writer does not come to an end")
    calls = await stage.count_calls() - calls_before
    verdict.strikes = sum(stage.faults.strikes.values())
    if not verdict.strikes:
        verdict.problems.append(NOT_STRUCK)
    word = RunWord("", "", 0, 0)
    for execution, run_id in ended:
        word = await judge_run(stage, execution, run_id, allowed)
        if word.status not in scenario.ends:
            why = f" ({word.reasons})" if word.reasons else ""
            verdict.problems.append(f"{run_id} ended {word.describe()}{why}, expected {' or '.join(scenario.ends)}")
        _take_word(verdict, word)
    await _make_whole(stage, verdict, word, allowed)
    began = stage.faults.first_strike or began
    verdict.recovered_seconds = round(time.monotonic() - began, 1)
    rows = compare(await stage.rows(), await stage.model(), allowed)
    verdict.rows_right = rows.right
    verdict.missing = len(rows.wrong)
    verdict.duplicates += len(rows.older) + rows.foreign
    if not rows.are_whole:
        verdict.problems.append(f"{len(rows.wrong)} rows are not right in the end, {rows.foreign} are nobody's")
    if rows.right != stage.users:
        verdict.problems.append(f"{rows.right} users have their last answer, {stage.users} were listed")
    if problem := await scenario.check(stage, calls):
        verdict.problems.append(problem)
    if difference := describe_difference(processes, list_commands(without=zygote)):
        verdict.problems.append(difference)
    return verdict


def _take_word(verdict: Verdict, word: RunWord) -> None:
    verdict.runs.append(word.describe())
    verdict.problems.extend(word.problems)
    verdict.duplicates += word.double_counts


async def _make_whole(stage: Stage, verdict: Verdict, word: RunWord, allowed: Allowed) -> None:
    """A redrive of the last run, or a run of its own where that cannot be redriven."""
    steps: list[str] = []
    for attempt in range(REPAIRS):
        if compare(await stage.rows(), await stage.model(), allowed).are_whole and word.status == "COMPLETE":
            break
        may_redrive = word.failed + word.missing > 0 and attempt == 0
        execution = await stage.start({"redrive_of": word.run_id} if may_redrive else None)
        await execution.wait()
        await stage.drain()
        said = (execution.output or {}).get("status") or execution.error or "FAILED"
        steps.append(f"{'redrive' if may_redrive else 'next run'} {said}")
        if said == "COMPLETE":
            word = RunWord("", said, 0, 0)
    verdict.made_whole_by = ", ".join(steps) or "itself"


def _run_id(execution: Execution) -> str:
    """The id that ListUsers makes of the scheduled time."""
    scheduled_time = execution.input.value["scheduled_time"]
    return str(scheduled_time).replace("-", "").replace(":", "")
