"""Names for the processes that own claims. A name is unique across hosts, boots and containers."""

import os
import re
import socket
from pathlib import Path

SEPARATOR = "|"
_PID = re.compile(r"[0-9]{1,10}")


def this_process() -> str:
    """Return the name of the calling process."""
    return of_process(os.getpid())


def of_process(pid: int) -> str:
    """Return `host|boot id|pid namespace|pid|start time` of a living process of this pid namespace."""
    return SEPARATOR.join([*_here(), str(pid), _start_time(pid)])


def place(owner: str) -> str:
    """Return where the owner runs: `host|boot id|pid namespace`."""
    return owner.rsplit(SEPARATOR, 2)[0]


def host_of(owner: str) -> str:
    """Return the name of the host on which the owner runs."""
    return owner.partition(SEPARATOR)[0]


def is_dead(owner: str) -> bool:
    """Tell whether the owner was a process of this pid namespace that has died.

    An owner in another place counts as living.
    """
    parts = owner.split(SEPARATOR)
    return parts[:-2] == _here() and (not _PID.fullmatch(parts[-2]) or of_process(int(parts[-2])) != owner)


def _here() -> list[str]:
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return [socket.gethostname(), boot_id, str(Path("/proc/self/ns/pid").stat().st_ino)]


def _start_time(pid: int) -> str:
    """Return when the process started, in clock ticks since the boot; "" if it is gone or a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""
    # Field 2, the name in parentheses, may hold spaces. Field 3 is the state, and field 22 the start time.
    fields = stat.rpartition(")")[2].split()
    return "" if fields[0] == "Z" else fields[19]
