"""What a process and all below it cost: CPU seconds over time and the peak of their memory, read from /proc."""

import os
import threading
import time
from bisect import bisect_left
from collections.abc import Iterator
from pathlib import Path

SAMPLE_SECONDS = 0.5
# The proportional set size of a 40 MB process takes the kernel 2 ms, its resident size 0.02: the former is read only
# where the latter, summed over the tree, has grown by this share beyond where it was read last.
RSS_GROWTH = 0.05
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_TICKS = os.sysconf("SC_CLK_TCK")


class TreeSampler:
    """Samples a process tree on a thread until `stop`."""

    def __init__(self, root: int) -> None:
        self.peak_pss_bytes = 0
        self._rss_at_peak = 0.0
        self._root = root
        self._ended_cpu = 0.0  # of processes that were seen and have gone
        self._cpu_by_process: dict[tuple[int, int], float] = {}
        self._times: list[float] = []
        self._totals: list[float] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Takes no more samples."""
        self._stop.set()
        self._thread.join()

    @property
    def cpu_seconds(self) -> float:
        """CPU of the tree from its start to its end, as far as it was seen."""
        return self._totals[-1] if self._totals else 0.0

    def cpu_between(self, start: float, end: float) -> float:
        """CPU seconds of the tree between two epoch times, interpolated between samples."""
        return self._cpu_at(end) - self._cpu_at(start)

    def _cpu_at(self, moment: float) -> float:
        return interpolate(self._times, self._totals, moment)

    def _run(self) -> None:
        while not self._stop.wait(SAMPLE_SECONDS):
            self._sample()

    def _sample(self) -> None:
        seen: dict[tuple[int, int], float] = {}
        rss = 0
        for pid in list_tree(self._root):
            try:
                start_tick, cpu = read_cpu(pid)
                rss += read_rss(pid)
            except (OSError, ValueError, IndexError):  # it ended between two reads
                continue
            seen[pid, start_tick] = cpu
        self._ended_cpu += sum(cpu for key, cpu in self._cpu_by_process.items() if key not in seen)
        self._cpu_by_process = seen
        self._times.append(time.time())
        self._totals.append(self._ended_cpu + sum(seen.values()))
        if rss > self._rss_at_peak * (1 + RSS_GROWTH):
            self._rss_at_peak = rss
            self.peak_pss_bytes = max(self.peak_pss_bytes, sum(read_pss(pid) for pid, _ in seen))


def interpolate(times: list[float], totals: list[float], moment: float) -> float:
    """The running total at a moment; the first sample's before it, the last one's after it, 0 without any."""
    if not times:
        return 0.0
    index = bisect_left(times, moment)
    if index == 0:
        return totals[0]
    if index == len(times):
        return totals[-1]
    share = (moment - times[index - 1]) / (times[index] - times[index - 1])
    return totals[index - 1] + share * (totals[index] - totals[index - 1])


def list_tree(root: int) -> Iterator[int]:
    """`root` and every process below it."""
    yield root
    for children in Path(f"/proc/{root}/task").glob("*/children"):
        try:
            pids = children.read_text().split()
        except OSError:  # the thread ended
            continue
        for pid in pids:
            yield from list_tree(int(pid))


def read_cpu(pid: int) -> tuple[int, float]:
    """Start tick, which tells reused pids apart, and CPU seconds of one process."""
    # The command may hold spaces and brackets: count the fields after its last one. See proc_pid_stat(5).
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[19]), (int(fields[11]) + int(fields[12])) / _TICKS


def read_machine_cpu() -> float:
    """CPU seconds that everything on this machine used since it started, time taken by other guests included."""
    # user nice system idle iowait irq softirq steal; guest time is part of user's. See proc_stat(5).
    fields = [int(text) for text in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / _TICKS


def read_pss(pid: int) -> int:
    """Proportional set size in bytes: shared pages count once among their processes; 0 for one that has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:  # it has ended
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)


def read_rss(pid: int) -> int:
    """Resident bytes, shared pages included."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_BYTES
