"""Processes as the kernel knows them."""

import time
from pathlib import Path

ENDS_WITHIN_SECONDS = 5.0


def descendants(pid: int) -> list[int]:
    """Return the children of the process and theirs."""
    children = _children(pid)
    return children + [below for child in children for below in descendants(child)]


def survivors(pids: list[int]) -> list[int]:
    """Return those that still run after a while: a killed process needs a moment."""
    deadline = time.monotonic() + ENDS_WITHIN_SECONDS
    while (running := [pid for pid in pids if _runs(pid)]) and time.monotonic() < deadline:
        time.sleep(0.02)
    return running


def _runs(pid: int) -> bool:
    """Tell whether the process runs; one that only waits to be reaped does not."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def _children(pid: int) -> list[int]:
    try:
        lists = [(task / "children").read_text(encoding="ascii") for task in Path(f"/proc/{pid}/task").iterdir()]
    except (FileNotFoundError, ProcessLookupError):  # it has just ended
        return []
    return [int(child) for children in lists for child in children.split()]
