"""Files that get their name only when they are complete."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from ops.backup.errors import BackupFailed

# Added to the name of a file that is not finished.
UNFINISHED = ".part"
OWNER_ONLY = 0o600


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """Yield a file that gets its name, durably, at the end of the block, and is removed if the block fails.

    A file that a killed process has left behind is overwritten. Raises BackupFailed if the name is taken, or if another
    process is writing the file.
    """
    if path.exists():
        raise BackupFailed(f"{path} exists. Choose another name.")
    unfinished = path.with_name(path.name + UNFINISHED)
    with os.fdopen(os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, OWNER_ONLY), "w+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BackupFailed(f"Another backup is writing {unfinished}.") from error
        # Another backup may have finished since the file was opened, and given the file its name.
        if path.exists() or not (unfinished.exists() and unfinished.samefile(f"/dev/fd/{file.fileno()}")):
            raise BackupFailed(f"{path} exists. Choose another name.")
        try:
            os.fchmod(file.fileno(), OWNER_ONLY)
            file.truncate()
            yield file
            file.flush()
            os.fsync(file.fileno())
            unfinished.rename(path)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
    sync(path.parent)


def sync(directory: Path) -> None:
    """Make the names of the directory's files durable."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
