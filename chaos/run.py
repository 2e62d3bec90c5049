"""`python -m chaos.run`: faults against whole runs, a table, docs/reference/faults.md."""

import argparse
import asyncio
import contextlib
import json
import signal
import sys
import time
from collections.abc import AsyncIterator, Sequence

from rich.text import Text

from batchctl.console import Console
from chaos.play import play
from chaos.processes import describe_difference, list_commands
from chaos.report import PAGE, make_table, write_page
from chaos.scenario import Scenario
from chaos.scenarios import SCENARIOS
from chaos.stage import Needs, Stage, open_stage
from chaos.verdict import Verdict

USERS = 2_000
SEED = 1
INTERRUPTED = 130


async def run_scenarios(scenarios: Sequence[Scenario], users: int, seed: int, console: Console) -> list[Verdict]:
    """The verdicts, in the order given. Scenarios with the same needs share a stack; a red one's is given up."""
    verdicts: dict[str, Verdict] = {}
    for needs in dict.fromkeys(scenario.needs for scenario in scenarios):
        waiting = [scenario for scenario in scenarios if scenario.needs == needs]
        while waiting:
            processes = list_commands()
            shared: list[Verdict] = []
            async with _open_quietly(needs, users, seed, console) as stage:
                while waiting and all(verdict.is_green for verdict in shared):
                    shared.append(await _play(waiting.pop(0), stage, seed, console))
            if difference := describe_difference(processes, list_commands()):
                shared[-1].problems.append(difference)
            verdicts |= {verdict.scenario: verdict for verdict in shared}
    return [verdicts[scenario.name] for scenario in scenarios]


@contextlib.asynccontextmanager
async def _open_quietly(needs: Needs, users: int, seed: int, console: Console) -> AsyncIterator[Stage]:
    status = console.status("preparing")
    with contextlib.ExitStack() as shown:
        shown.enter_context(status)
        async with open_stage(needs, users, seed, status.update) as stage:
            shown.close()
            yield stage


async def _play(scenario: Scenario, stage: Stage, seed: int, console: Console) -> Verdict:
    with console.status(f"{scenario.name}: {scenario.what}"):
        try:
            verdict = await play(scenario, stage, seed)
        except Exception as error:  # noqa: BLE001  # the other faults' turns are wanted too
            problem = f"{type(error).__name__}: {error}"
            verdict = Verdict(scenario.name, stage.users, missing=stage.users, problems=[problem])
    mark = ("survived", "green") if verdict.is_green else ("not survived", "red")
    strikes = f"{verdict.strikes} strike{'' if verdict.strikes == 1 else 's'}"
    console.print(Text.assemble(mark, f"  {scenario.name}  ({strikes}, {verdict.recovered_seconds:.1f} s)"))
    for problem in verdict.problems:
        console.print(f"  {problem}", style="red", soft_wrap=True)
    return verdict


def choose(names: Sequence[str]) -> list[Scenario]:
    """The scenarios of those names, all without any. Raises ValueError that lists them."""
    known = {scenario.name: scenario for scenario in SCENARIOS}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(f"no fault {', '.join(unknown)}; the faults are: {', '.join(known)}")
    return [known[name] for name in names] if names else list(SCENARIOS)


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line; exits 2 with one line where it is wrong."""
    parser = argparse.ArgumentParser(
        prog="make chaos",
        description="Faults against whole runs in the emulator.",
        epilog='Example: make chaos ARGS="--users 5000 database-killed partner-down"',
    )
    parser.add_argument("faults", nargs="*", metavar="FAULT", help="names; all without any")
    parser.add_argument("--users", type=int, default=USERS)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--json", action="store_true", help="print one JSON object on standard output")
    parser.add_argument("--list", action="store_true", help="print the faults' names and end")
    chosen = parser.parse_args(arguments)
    if not 1_500 <= chosen.users <= 100_000:
        parser.error("--users must be from 1,500 to 100,000: with fewer a run is over before a fault strikes it")
    try:
        chosen.scenarios = choose(chosen.faults)
    except ValueError as error:
        parser.error(str(error))
    return chosen


async def _run_interruptible(chosen: argparse.Namespace, console: Console) -> list[Verdict]:
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM):  # everything that was started ends with this program
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    return await run_scenarios(chosen.scenarios, chosen.users, chosen.seed, console)


def main() -> None:
    """Exit status 0 only if every fault was survived, 130 after Ctrl-C; the page is written when all had their turn."""
    chosen = parse_arguments(sys.argv[1:])
    if chosen.list:
        for scenario in SCENARIOS:
            print(f"{scenario.name:32} {scenario.what}")
        return
    started = time.monotonic()
    try:
        verdicts = asyncio.run(_run_interruptible(chosen, Console(stderr=True)))
    except asyncio.CancelledError:
        print("stopped; everything that was started has ended", file=sys.stderr)
        sys.exit(INTERRUPTED)
    if chosen.json:
        print(json.dumps({"seed": chosen.seed, "faults": [verdict.to_json() for verdict in verdicts]}))
    else:
        Console().print(make_table(verdicts))
    if not chosen.faults:
        write_page(PAGE, verdicts, chosen.scenarios, chosen.seed, time.monotonic() - started)
    if not all(verdict.is_green for verdict in verdicts):
        sys.exit(1)


if __name__ == "__main__":
    main()
