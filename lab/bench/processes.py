"""The children of processes, and the CPU time and memory that processes have used."""

from contextlib import suppress
from pathlib import Path

import psutil


def children(pid: int, name: str = "") -> list[int]:
    """Return the ids of the living children of the process. If a name is given, return only those with this name.

    The kernel keeps only the first 15 bytes of a name.
    """
    found = []
    with suppress(psutil.NoSuchProcess):
        for child in psutil.Process(pid).children():
            with suppress(psutil.NoSuchProcess):
                if not name or child.name() == name[:15]:
                    found.append(child.pid)
    return found


def with_variable(name: str, value: str) -> dict[int, int]:
    """Return {pid: parent's pid} of the processes that have this variable with this value in their environment."""
    processes = psutil.process_iter(["ppid", "environ"])
    return {each.pid: each.info["ppid"] for each in processes if (each.info["environ"] or {}).get(name) == value}


def cpu_seconds(pid: int) -> float:
    """Return the CPU seconds of a process and all its descendants, including those that have ended."""
    process = psutil.Process(pid)
    seconds = 0.0
    for each in (process, *process.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            seconds += sum(each.cpu_times()[:4])  # user and system time, also of its ended children
    return seconds


def peak_megabytes(pid: int) -> float:
    """Return the highest peak memory of a living child of the process, in megabytes (Linux: proc(5))."""
    return max(map(_peak_kilobytes, children(pid)), default=0) / 1024


def _peak_kilobytes(pid: int) -> int:
    with suppress(FileNotFoundError, ProcessLookupError):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    return 0
