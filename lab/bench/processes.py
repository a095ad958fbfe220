"""Processes as the kernel knows them (Linux: proc(5))."""

import os
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
# Positions in /proc/PID/stat, counted after the name. CPU time is in user mode and in the kernel.
PARENT, OWN_TIMES, TIMES_OF_ENDED_CHILDREN = 1, slice(11, 13), slice(13, 15)


def children(pid: int) -> list[int]:
    """Return the processes that this one has started; an empty list if it has ended."""
    with suppress(FileNotFoundError, ProcessLookupError):
        lists = [(task / "children").read_text(encoding="ascii") for task in (PROC / str(pid) / "task").iterdir()]
        return [int(child) for each in lists for child in each.split()]
    return []


def name_of(pid: int) -> str:
    """Return the process' name, 15 characters at most; "" if it has ended."""
    return _read(pid, "comm").strip()


def with_variable(variable: str) -> dict[int, int]:
    """Return {pid: parent's pid} of the processes whose environment holds `NAME=value`."""
    pids = [int(process.name) for process in PROC.glob("[0-9]*")]
    return {
        pid: int(stat[PARENT]) for pid in pids if variable in _read(pid, "environ").split("\0") and (stat := _stat(pid))
    }


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process and its children, including those that have ended."""
    own = _stat(pid)
    ticks = [*own[OWN_TIMES], *own[TIMES_OF_ENDED_CHILDREN]]
    for child in children(pid):
        ticks += _stat(child)[OWN_TIMES]
    return sum(map(int, ticks)) / TICKS_A_SECOND


def peak_megabytes(pid: int) -> float:
    """Return the largest amount of memory that a living child of the process has ever used."""
    return max(map(_peak_kilobytes, children(pid)), default=0) / 1024


def _peak_kilobytes(pid: int) -> int:
    lines = [line for line in _read(pid, "status").splitlines() if line.startswith("VmHWM:")]
    return int(lines[0].split()[1]) if lines else 0


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat after the name, which is in parentheses and may contain spaces."""
    return _read(pid, "stat").rpartition(")")[2].split()


def _read(pid: int, name: str) -> str:
    """Return the content of a file of the process; "" if the process has ended or belongs to another user."""
    with suppress(FileNotFoundError, ProcessLookupError, PermissionError):
        return (PROC / str(pid) / name).read_text(encoding="utf-8", errors="replace")
    return ""
