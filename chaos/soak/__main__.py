"""`python -m chaos.soak`: runs in a row with faults, a table of what grows, docs/reference/soak.md."""

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import Sequence

from batchctl.console import Console
from chaos.processes import describe_difference, list_commands
from chaos.soak.page import PAGE, make_table, tell_faults, write_page
from chaos.soak.soaking import SoakOptions, SoakResult, soak

DEFAULTS = SoakOptions()
INTERRUPTED = 130


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line; exits 2 with one line where it is wrong."""
    parser = argparse.ArgumentParser(
        prog="make soak",
        description="Runs in a row on one stack, each with a fault.",
        epilog='Example: make soak ARGS="--runs 60 --seed 7"',
    )
    parser.add_argument("--runs", type=int, default=DEFAULTS.runs)
    parser.add_argument("--users", type=int, default=DEFAULTS.users)
    parser.add_argument("--seed", type=int, default=DEFAULTS.seed)
    parser.add_argument("--sample-every", type=int, default=DEFAULTS.sample_every, metavar="RUNS")
    parser.add_argument("--json", action="store_true", help="print every sample as one JSON object on standard output")
    chosen = parser.parse_args(arguments)
    if not 1 <= chosen.runs <= 10_000:
        parser.error("--runs must be from 1 to 10,000")
    if not 500 <= chosen.users <= 100_000:
        parser.error("--users must be from 500 to 100,000: the faults name users up to the 500th")
    if not 1 <= chosen.sample_every <= chosen.runs:
        parser.error("--sample-every must be from 1 to the number of runs")
    return chosen


def describe_progress(result: SoakResult, fault: str) -> str:
    """One line: how far, how long still, what meets the present run."""
    total, done = result.options.runs, result.runs
    left = f", {result.seconds / done * (total - done) / 60:.0f} min left" if done else ""
    red = f", {len(result.problems)} problems" if result.problems else ""
    return f"run {min(done + 1, total)} of {total}{left}{red}: {fault}"


async def run_interruptible(options: SoakOptions, console: Console) -> SoakResult:
    """The result, also after Ctrl-C; everything that was started has ended."""
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    processes = list_commands()
    told: set[str] = set()
    with console.status("") as status:

        def tell(result: SoakResult, fault: str) -> None:
            status.update(describe_progress(result, fault))
            for problem in result.problems:
                if problem not in told:
                    told.add(problem)
                    console.print(problem, style="red", soft_wrap=True)
            if not console.is_terminal and result.runs % 10 == 0:
                console.print(describe_progress(result, fault), soft_wrap=True)

        result = await soak(options, tell)
    if difference := describe_difference(processes, list_commands()):
        result.problems.append(difference)
    return result


def main() -> None:
    """Exit status 0 only if every user was accounted for and nothing grows, 130 after Ctrl-C.

    The page is written after all runs.
    """
    chosen = parse_arguments(sys.argv[1:])
    options = SoakOptions(chosen.runs, chosen.users, chosen.seed, chosen.sample_every)
    console = Console(stderr=True)
    try:
        result = asyncio.run(run_interruptible(options, console))
    except asyncio.CancelledError:
        print("stopped before the first run; everything that was started has ended", file=sys.stderr)
        sys.exit(INTERRUPTED)
    if chosen.json:
        print(json.dumps({"runs": result.runs, "problems": result.problems, "samples": result.samples}))
    else:
        Console().print(make_table(result))
        Console().print(tell_faults(result))
    for problem in result.problems:
        console.print(problem, style="red", soft_wrap=True)
    if result.was_stopped:
        console.print(f"stopped after {result.runs} of {options.runs} runs; everything that was started has ended")
        sys.exit(INTERRUPTED)
    if result.runs >= DEFAULTS.runs:
        write_page(PAGE, result)
    if not result.is_green:
        sys.exit(1)


if __name__ == "__main__":
    main()
