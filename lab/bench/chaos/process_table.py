"""Processes as the kernel knows them (Linux: proc(5))."""

from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")


def children(pid: int) -> list[int]:
    """Return the processes that this one has started; none if it has ended."""
    with suppress(FileNotFoundError, ProcessLookupError):
        lists = [(task / "children").read_text(encoding="ascii") for task in (PROC / str(pid) / "task").iterdir()]
        return [int(child) for each in lists for child in each.split()]
    return []


def name_of(pid: int) -> str:
    """Return the process' name, 15 characters at most; "" if it has ended."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return (PROC / str(pid) / "comm").read_text(encoding="utf-8").strip()
    return ""


def with_variable(variable: str) -> dict[int, int]:
    """Return {pid: parent's pid} of the processes whose environment holds `NAME=value`."""
    found = {}
    for process in PROC.glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError, PermissionError):
            if variable.encode() in (process / "environ").read_bytes().split(b"\0"):
                # The name in parentheses may hold spaces. After it: the state, the parent.
                found[int(process.name)] = int((process / "stat").read_text().rpartition(")")[2].split()[1])
    return found
