"""The directory where gunicorn's workers keep their counters, so that each worker can report the counts of all.

prometheus_client reads PROMETHEUS_MULTIPROC_DIR once, when it is imported. gunicorn's master, which does not import it,
sets this variable for its workers.
"""

import os
import shutil
import socket
from pathlib import Path

from config.environment import DATA_DIR

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
ROOT = DATA_DIR / "metrics"


def make_directory() -> Path:
    """Create an empty directory for this process, and set the variable to its path. Return the path.

    First remove the directories of this host's servers that have ended.
    """
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
    """Remove the directory of this process, if it still exists."""
    shutil.rmtree(_own(), ignore_errors=True)


def _own() -> Path:
    return ROOT / f"{socket.gethostname()}-{os.getpid()}"
