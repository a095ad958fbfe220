"""Turns: what only one process of this host does at a time, or as many as it has processors; the others wait.

Without them workers, more so those of several clusters on one host, only take the processors from each other.
A turn or a place is held for a block, a seat (`seats.py`) for a process' life. All are locks on files: the kernel takes
them back from whoever dies.
"""

import fcntl
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import cache
from hashlib import sha256
from pathlib import Path
from weakref import finalize

from django.conf import settings

PLACES = max(2, os.cpu_count() or 1)
LOOK_EVERY_SECONDS = 0.001


class FileLock:
    """A lock on a file that stands for the name, among this user's processes that share a database.

    `close` gives it back for good, and so does forgetting it.
    """

    def __init__(self, name: str) -> None:
        path = Path(tempfile.gettempdir()) / f"{_database()}-{os.getuid()}-{name}.lock"
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self.close = finalize(self, os.close, self._file)

    def take(self) -> None:
        """Wait until it is free, and take it."""
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def take_if_free(self) -> bool:
        """Take it, or tell that somebody else has it."""
        return self._try(fcntl.LOCK_EX)

    def is_free(self) -> bool:
        """Tell whether nobody else has it. Whoever wants it in this very moment may find it taken, and looks again."""
        if not self._try(fcntl.LOCK_SH):
            return False
        self.give_back()
        return True

    def give_back(self) -> None:
        """Let the next one have it. Again: nothing happens."""
        fcntl.flock(self._file, fcntl.LOCK_UN)

    def _try(self, how: int) -> bool:
        try:
            fcntl.flock(self._file, how | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


@contextmanager
def turn(name: str) -> Iterator[None]:
    """Wait until nobody else is inside such a block."""
    with closing(FileLock(name)) as lock:
        lock.take()
        yield


@contextmanager
def place(name: str, *, places: int = PLACES) -> Iterator[int]:
    """Wait until fewer than so many are inside such a block. Gives the number of the place, from 0."""
    with ExitStack() as stack:
        locks = [stack.enter_context(closing(FileLock(f"{name}-{number}"))) for number in range(places)]
        taken = take_one(locks)
        if taken is None:
            with turn(f"{name}-door"):  # who is first looks for a place, the others don't
                while (taken := take_one(locks)) is None:
                    time.sleep(LOOK_EVERY_SECONDS)
        yield taken


def take_one(locks: Sequence[FileLock]) -> int | None:
    """Take the first that is free. Returns its number; None where there is none."""
    return next((number for number, lock in enumerate(locks) if lock.take_if_free()), None)


@cache
def _database() -> str:
    """Return what tells the database from all others, those of other servers too. Its URI may hold a password."""
    database = settings.DATABASES["default"]
    return f"{database['NAME']}-{sha256(str(database['HOST']).encode()).hexdigest()[:8]}"
