"""`python bench/run.py --users 30000 --latency-ms 100`: all contenders in turn, a table, a plot, files for docs."""

from __future__ import annotations

import argparse
import asyncio
import shlex
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.contenders import CONTENDERS, Contender, ContenderError, choose_contenders
from bench.machine import describe_machine
from bench.measure import Turn, take_turn
from bench.plot import draw_plot
from bench.report import find_title, format_table, write_report
from bench.setting import WrongRowsError, open_setting


async def take_turns(contenders: list[Contender], users: int, latency_ms: float, rounds: int, seed: int) -> list[Turn]:
    """The turns of all rounds; each round begins with another contender, so that none always comes first."""
    turns = []
    task = asyncio.current_task()
    assert task is not None
    for stop_signal in (signal.SIGTERM, signal.SIGINT):  # everything that was started ends with this program
        asyncio.get_running_loop().add_signal_handler(stop_signal, task.cancel)
    async with open_setting(latency_ms, seed) as setting:
        for number in range(rounds):
            shift = number % len(contenders)
            for contender in contenders[shift:] + contenders[:shift]:
                turn = await take_turn(setting, contender, min(users, contender.users_max or users))
                turns.append(turn)
                print(
                    f"round {number + 1}/{rounds}  {find_title(turn.contender)}: {turn.seconds:.2f} s, "
                    f"{turn.users_per_second:,.0f} users/s, rows right, other load {turn.other_load:.0%}",
                    file=sys.stderr,
                    flush=True,
                )
    return turns


def parse_arguments() -> argparse.Namespace:
    """The command line; exits 2 with one line where it is wrong."""
    parser = argparse.ArgumentParser(description="Contenders side by side on one partner API and one MariaDB.")
    parser.add_argument("--users", type=int, default=30_000)
    parser.add_argument("--latency-ms", type=float, default=100.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    names = ", ".join(contender.name for contender in CONTENDERS)
    parser.add_argument("--only", metavar="NAME,NAME", help=names)
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="write bench.json, bench.md and the plot there")
    chosen = parser.parse_args()
    for name, low in (("users", 1), ("rounds", 1), ("latency_ms", 0)):
        if getattr(chosen, name) < low:
            parser.error(f"--{name.replace('_', '-')} must be at least {low}")
    return chosen


def main() -> None:
    """Exit status 0 only if every turn of every contender wrote every row right."""
    chosen = parse_arguments()
    try:
        contenders = choose_contenders(chosen.only)
        machine = describe_machine(f"python bench/run.py {shlex.join(sys.argv[1:])}".strip())
        turns = asyncio.run(take_turns(contenders, chosen.users, chosen.latency_ms, chosen.rounds, chosen.seed))
    except (ContenderError, WrongRowsError) as error:
        sys.exit(f"error: {error}")
    except asyncio.CancelledError:
        sys.exit("stopped; everything that was started has ended")
    print(format_table(turns))
    if chosen.output:
        write_report(chosen.output, turns, machine, chosen.latency_ms)
        draw_plot(chosen.output, turns, machine, chosen.latency_ms)


if __name__ == "__main__":
    main()
