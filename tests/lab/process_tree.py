"""Functions that list the descendants of processes."""

import time
from contextlib import suppress

import psutil

ENDS_WITHIN_SECONDS = 5.0


def descendants(pid: int) -> list[int]:
    """Return the ids of all descendants of the process, or an empty list if the process has ended."""
    with suppress(psutil.NoSuchProcess):
        return [process.pid for process in psutil.Process(pid).children(recursive=True)]
    return []


def survivors(pids: list[int]) -> list[int]:
    """Return the ids of the processes that still run after a few seconds. A killed process needs a moment to end."""
    deadline = time.monotonic() + ENDS_WITHIN_SECONDS
    while (running := [pid for pid in pids if _runs(pid)]) and time.monotonic() < deadline:
        time.sleep(0.02)
    return running


def _runs(pid: int) -> bool:
    """Tell whether the process runs. A process that has ended but was not reaped yet does not run."""
    with suppress(psutil.NoSuchProcess):
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    return False
