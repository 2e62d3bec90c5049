"""`make fuzz`: every target again and again for so many minutes, with other documents each time.

    make fuzz ARGS="--minutes 10"                          all targets, or those that are named
    make fuzz ARGS="--replay .local/fuzz/turn-1a2b.bin"    what was found, once more

What is found is made as small as it gets and kept in .local/fuzz/<target>-<hash>.bin; the other targets go on.
"""

import argparse
import hashlib
import random
import sys
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis import strategies as st

from tests.fuzz.all_targets import TARGETS
from tests.fuzz.limits import TooSlowError, memory_limit
from tests.fuzz.mutation import inputs
from tests.fuzz.target import Target

KEPT = Path(".local/fuzz")
INTERRUPTED = 130
# Of one target before the next one comes: long enough for hypothesis to vary what it has found interesting.
EXAMPLES = 100
ROUND = settings(
    deadline=None,
    max_examples=EXAMPLES,
    database=None,
    phases=(Phase.generate, Phase.target, Phase.shrink),
    suppress_health_check=list(HealthCheck),
    verbosity=Verbosity.quiet,
    print_blob=False,
)


@dataclass
class Account:
    """What has been done so far."""

    executions: Counter[str] = field(default_factory=Counter)
    taken: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, float] = field(default_factory=dict)
    found: dict[str, list[Path]] = field(default_factory=dict)

    def tell(self, seconds: float) -> str:
        """One line."""
        total, found = self.executions.total(), sum(map(len, self.found.values()))
        return (
            f"{seconds:5.0f} s  {total:,} executions ({total / max(seconds, 0.1):,.0f}/s), "
            f"{self.taken.total() / max(1, total):.0%} taken, {found} found"
        )


def fuzz_target(target: Target, account: Account, number: int) -> Path | None:
    """One round; the file of the smallest document that was found, or None."""
    last = b""
    heavy: Path | None = None

    @seed(number)
    @ROUND
    @given(st.data())
    def fuzz(data: st.DataObject) -> None:
        nonlocal last, heavy
        if heavy is not None:
            return
        last = data.draw(inputs(target.seeds))
        account.executions[target.name] += 1
        try:
            account.taken[target.name] += target.run(last)
        except (TooSlowError, MemoryError) as error:
            heavy = keep(target, last, error)  # to make it smaller would take as long again for each attempt

    try:
        fuzz()
    except Exception as error:  # noqa: BLE001  # whatever it is, it is the finding
        return keep(target, last, error)
    return heavy


def keep(target: Target, data: bytes, error: Exception) -> Path:
    """The file of the document, with the error beside it."""
    KEPT.mkdir(parents=True, exist_ok=True)
    path = KEPT / f"{target.name.replace('/', '-')}-{hashlib.sha256(data).hexdigest()[:12]}.bin"
    path.write_bytes(data)
    path.with_suffix(".txt").write_text("".join(traceback.format_exception(error)), encoding="utf-8", errors="replace")
    return path


def replay(path: Path) -> int:
    """Run a kept document: 1, with the traceback, where it still is a finding."""
    names = [name for name in TARGETS if path.name.startswith(f"{name.replace('/', '-')}-")]
    if not names:
        print(f"error: {path.name} is of no target: name it <target>-<anything>", file=sys.stderr)
        return 2
    if not path.is_file():
        print(f"error: {path} is no file: FOUND lines name those that were kept", file=sys.stderr)
        return 2
    target = TARGETS[max(names, key=len)]
    taken = target.run(path.read_bytes())
    print(f"{target.name}: {'taken' if taken else 'refused by name'}")
    return 0


def fuzz_all(names: Sequence[str], minutes: float, number: int) -> int:
    """Rounds until the time is over or Ctrl-C; 1 where something was found, else 130 after Ctrl-C."""
    account, started, was_stopped = Account(), time.monotonic(), False
    print(f"{len(names)} targets, {minutes:g} minutes, --seed {number}", flush=True)
    try:
        with memory_limit():
            _play_rounds(names, minutes, number, account)
    except KeyboardInterrupt:
        was_stopped = True
    for name in sorted(account.executions, key=lambda each: -account.executions[each]):
        done, seconds = account.executions[name], account.seconds.get(name, 0.0)
        print(f"{name:45} {done:9,} executions  {account.taken[name] / done:4.0%} taken  {seconds:6.1f} s")
    print(account.tell(time.monotonic() - started))
    if without := len(names) - len(account.executions):
        print(f"{without} of {len(names)} targets had no turn: give more minutes, or name fewer")
    if account.found:
        return 1
    return INTERRUPTED if was_stopped else 0


def _play_rounds(names: Sequence[str], minutes: float, number: int, account: Account) -> None:
    order, waiting = random.Random(number), list(names)
    started, told = time.monotonic(), 0.0
    while waiting and time.monotonic() - started < minutes * 60:
        for name in order.sample(waiting, len(waiting)):
            elapsed = time.monotonic() - started
            if elapsed >= minutes * 60:
                break
            if elapsed - told >= 10:
                told = elapsed
                print(account.tell(elapsed), flush=True)
            number += 1
            before = time.monotonic()
            path = fuzz_target(TARGETS[name], account, number)
            account.seconds[name] = account.seconds.get(name, 0.0) + time.monotonic() - before
            if path is not None:
                account.found.setdefault(name, []).append(path)
                waiting.remove(name)  # it would be found again and again
                print(f"FOUND in {name}: {path}", flush=True)


def main() -> int:
    """The exit status: 0 nothing found, 1 something, 2 a wrong command line, 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(
        prog="make fuzz ARGS=...",
        description=__doc__.partition("\n")[0],
        epilog='Example: make fuzz ARGS="--minutes 2 turn claim"',
    )
    parser.add_argument("targets", nargs="*", metavar="target", help="names, or parts of them; all where none is given")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=None, help="documents of an earlier run")
    parser.add_argument("--list", action="store_true", help="the targets with what they reach")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="run a kept document once")
    arguments = parser.parse_args()
    if arguments.list:
        for target in TARGETS.values():
            print(f"{target.name:45} {' '.join(target.decoders)}")
        return 0
    if arguments.replay is not None:
        return replay(arguments.replay)
    wanted = arguments.targets
    names = [name for name in TARGETS if not wanted or any(part in name for part in wanted)]
    if not names:
        parser.error(f"no target is called so; --list lists them: {', '.join(wanted)}")
    number = arguments.seed if arguments.seed is not None else int(time.time())
    return fuzz_all(names, arguments.minutes, number)


if __name__ == "__main__":
    sys.exit(main())
