"""The counts of workers that have ended are kept in one file for each kind of metric, however many workers there were.

prometheus_client gives each process files of its own (`counter_1234.db`), and reads the files of all processes. Workers
that die or are replaced by a reload would leave their files behind until the server is stopped.
"""

import fcntl
import os
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prometheus_client.mmap_dict import MmapedDict

# Kinds whose values are added up. The product keeps no other kinds of metrics in files.
KINDS = ("counter", "histogram")
MERGED = "ended"


@contextmanager
def counted_once(directory: Path) -> Iterator[None]:
    """Keep other processes from merging the files inside the block, so that a reader sees each count exactly once."""
    with _locked(directory, fcntl.LOCK_SH):
        yield


def merge_dead(directory: Path) -> None:
    """Move the counts of ended workers into one file for each kind of metric.

    Raises what prometheus_client raises for malformed files.
    """
    dead = {kind: [file for file in directory.glob(f"{kind}_*.db") if _has_ended(file)] for kind in KINDS}
    if not any(dead.values()):
        return
    with _locked(directory, fcntl.LOCK_EX):
        for kind in KINDS:
            _merge(directory / f"{kind}_{MERGED}.db", [file for file in dead[kind] if file.exists()])


def _has_ended(file: Path) -> bool:
    pid = file.stem.partition("_")[2]
    return pid != MERGED and not Path(f"/proc/{pid}").exists()


def _merge(merged: Path, dead: list[Path]) -> None:
    """Write a new file, remove the old files, then rename the new file.

    If the process is killed in between, counts are lost, but nothing is counted twice.
    """
    if not dead:
        return
    sums: defaultdict[str, float] = defaultdict(float)
    for file in [merged, *dead] if merged.exists() else dead:
        for key, value, _at, _position in MmapedDict.read_all_values_from_file(str(file)):  # type: ignore[no-untyped-call]
            sums[key] += value
    new = merged.with_suffix(".new")
    new.unlink(missing_ok=True)
    written = MmapedDict(str(new))  # type: ignore[no-untyped-call]
    for key, value in sums.items():
        written.write_value(key, value, 0.0)  # type: ignore[no-untyped-call]
    written.close()  # type: ignore[no-untyped-call]
    for file in dead:
        file.unlink()
    new.replace(merged)


@contextmanager
def _locked(directory: Path, how: int) -> Iterator[None]:
    lock = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, how)
        yield
    finally:
        os.close(lock)
