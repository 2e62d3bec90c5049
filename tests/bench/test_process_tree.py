"""CPU and memory are counted over the whole tree, also of processes that have ended."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from bench.process_tree import TreeSampler, interpolate, list_tree, read_cpu, read_pss

pytestmark = pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="needs Linux's /proc")


def test_interpolate_divides_what_lies_between_samples() -> None:
    # GIVEN running totals at three moments / WHEN asked between and beyond / THEN shares and ends
    times, totals = [10.0, 11.0, 13.0], [1.0, 2.0, 6.0]
    assert [interpolate(times, totals, moment) for moment in (9, 10, 10.5, 12, 13, 20)] == [1, 1, 1.5, 4, 6, 6]
    assert interpolate([], [], 1) == 0


def test_list_tree_finds_a_grandchild() -> None:
    # GIVEN a child that has a child, which says its pid
    program = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]], check=True)"
    inner = "import os, sys; print(os.getpid(), flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", program, inner], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        grandchild = int(child.stdout.readline())
        # WHEN listed from here / THEN all three are there
        assert {os.getpid(), child.pid, grandchild} <= set(list_tree(os.getpid()))
        assert read_pss(grandchild) > 1_000_000


def test_sampler_keeps_the_cpu_of_a_child_that_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    # GIVEN a sampler of this process, and a child that uses CPU until it is told to end
    monkeypatch.setattr("bench.process_tree.SAMPLE_SECONDS", 0.01)
    program = "import time, sys\nwhile time.process_time() < 0.2: pass\nprint(flush=True); sys.stdin.read()"
    sampler = TreeSampler(os.getpid())
    try:
        with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            child.stdout.readline()
            used = read_cpu(child.pid)[1]
            own = read_cpu(os.getpid())[1]
            wait_for_cpu(sampler, used + own)
        # WHEN it has ended / THEN its CPU is still in the total
        assert sampler.cpu_seconds >= used + own
        assert sampler.peak_pss_bytes > 1_000_000
    finally:
        sampler.stop()


def wait_for_cpu(sampler: TreeSampler, seconds: float) -> None:
    for _ in range(1000):
        if sampler.cpu_seconds >= seconds:
            return
        threading.Event().wait(0.01)
    pytest.fail(f"the sampler saw {sampler.cpu_seconds} s of CPU, wanted {seconds}")
