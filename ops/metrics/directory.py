"""Where gunicorn's workers keep their counters, so that each of them can answer for all.

prometheus_client looks for the directory once, when it is imported: gunicorn's master, which never does, names it
to its workers.
"""

import os
import shutil
import socket
from pathlib import Path

from config.environment import DATA_DIR

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
ROOT = DATA_DIR / "metrics"


def make_directory() -> Path:
    """Make this process' directory, empty, and name it; remove those of this host's servers that live no more."""
    ROOT.mkdir(parents=True, exist_ok=True)
    mine = _own()
    for other in ROOT.glob(f"{socket.gethostname()}-*"):
        pid = other.name.rpartition("-")[2]
        if other == mine or not Path(f"/proc/{pid}").exists():
            shutil.rmtree(other, ignore_errors=True)
    mine.mkdir()
    os.environ[VARIABLE] = str(mine)
    return mine


def remove_directory() -> None:
    """Remove it, unless somebody else has."""
    shutil.rmtree(_own(), ignore_errors=True)


def _own() -> Path:
    return ROOT / f"{socket.gethostname()}-{os.getpid()}"
