"""Which processes there are, so that none is left over: by what they run, since a server may be started again."""

import os
from collections import Counter
from pathlib import Path

from batchctl.local.memory import list_process_tree


def list_commands(*, without: int | None = None) -> Counter[str]:
    """How many processes below this one run each program; those below `without` (Lambda's zygote) are left out."""
    left_out = set(list_process_tree(without)) - {without} if without is not None else set()
    commands: Counter[str] = Counter()
    for pid in list_process_tree(os.getpid()):
        if pid in left_out or pid == os.getpid():
            continue
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:  # it has ended since
            continue
        commands[" ".join(word.decode(errors="replace") for word in words[:3])] += 1
    return commands


def describe_difference(before: Counter[str], after: Counter[str]) -> str:
    """What is left over and what is gone; empty where nothing is."""
    parts = [f"left over: {command}" for command in (after - before).elements()]
    parts += [f"gone: {command}" for command in (before - after).elements()]
    return "; ".join(parts)
