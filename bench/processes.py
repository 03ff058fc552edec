"""What processes cost, as the kernel counts it (proc(5))."""

from __future__ import annotations

import os
import time
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def pss_mib(pid: int) -> float:
    """Memory of a process in MiB, what it shares with others counted in proportion."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise ValueError(f"the kernel does not tell the PSS of {pid}")


def peak_mib(pid: int) -> float:
    """The most memory a process ever had resident, in MiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise ValueError(f"the kernel does not tell the peak of {pid}")


def cpu_s(pid: int) -> float:
    """Seconds of processor time a process has used, all its threads together."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def others_share(seconds: float = 2.0) -> float:
    """How much of the machine is busy, in per cent, while the caller sleeps: figures taken then are worse."""
    before = _machine()
    time.sleep(seconds)
    idle, total = (after - was for after, was in zip(_machine(), before, strict=True))
    return 100 * (1 - idle / total)


def _machine() -> tuple[int, int]:
    """(idle, all) ticks of all processors together."""
    ticks = [int(each) for each in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return ticks[3] + ticks[4], sum(ticks)
