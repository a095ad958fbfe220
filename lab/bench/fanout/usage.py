"""What a cluster's processes have used (Linux: proc(5))."""

import os
from contextlib import suppress
from pathlib import Path

from lab.bench.chaos.process_table import children

PROC = Path("/proc")
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
# In /proc/PID/stat, counted from after the name: user and system time, and those of children that have ended.
OWN, ENDED = slice(11, 13), slice(13, 15)


def cpu_seconds(pid: int) -> float:
    """Return the CPU time, user and system, of a process and its children, those that have ended included."""
    ticks = sum(_times(pid, OWN)) + sum(_times(pid, ENDED)) + sum(sum(_times(child, OWN)) for child in children(pid))
    return ticks / TICKS_A_SECOND


def peak_megabytes(pid: int) -> float:
    """Return the most memory that any living child of the process has ever had."""
    return max((_peak_kilobytes(child) for child in children(pid)), default=0) / 1024


def _times(pid: int, fields: slice) -> list[int]:
    with suppress(FileNotFoundError, ProcessLookupError):
        # The name in parentheses may hold spaces.
        after_name = (PROC / str(pid) / "stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2]
        return [int(field) for field in after_name.split()[fields]]
    return []


def _peak_kilobytes(pid: int) -> int:
    with suppress(FileNotFoundError, ProcessLookupError):
        for line in (PROC / str(pid) / "status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    return 0
