"""Locks that the processes of this host share: what only one of them, or a limited number, does at a time.

Without them the workers, above all those of several clusters on one host, would only compete for the processors.
Each is a lock on a file, so the kernel releases it when its process dies. `exclusive` and `limited` hold a lock for a
block; `start_slots.py` holds one for the life of a process.
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

HOST_LIMIT = max(2, os.cpu_count() or 1)
LOOK_EVERY_SECONDS = 0.001


class FileLock:
    """A named lock among this user's processes that use the same database.

    `close` releases it for good; so does dropping the last reference to it.
    """

    def __init__(self, name: str) -> None:
        path = Path(tempfile.gettempdir()) / f"{_database()}-{os.getuid()}-{name}.lock"
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self.close = finalize(self, os.close, self._file)

    def take(self) -> None:
        """Wait until it is free, and take it."""
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def take_if_free(self) -> bool:
        """Take it if it is free. Returns whether it was."""
        return self._try(fcntl.LOCK_EX)

    def is_free(self) -> bool:
        """Tell whether it is free. A process that tries to take it just now may find it taken, and retries."""
        if not self._try(fcntl.LOCK_SH):
            return False
        self.give_back()
        return True

    def give_back(self) -> None:
        """Release it. Idempotent."""
        fcntl.flock(self._file, fcntl.LOCK_UN)

    def _try(self, how: int) -> bool:
        try:
            fcntl.flock(self._file, how | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


@contextmanager
def exclusive(name: str) -> Iterator[None]:
    """Wait until no other process is inside a block of this name."""
    with closing(FileLock(name)) as lock:
        lock.take()
        yield


@contextmanager
def limited(name: str, *, limit: int = HOST_LIMIT) -> Iterator[int]:
    """Wait until fewer than `limit` processes are inside a block of this name. Yields the number of its lock."""
    with ExitStack() as stack:
        locks = [stack.enter_context(closing(FileLock(f"{name}-{number}"))) for number in range(limit)]
        taken = take_one(locks)
        if taken is None:
            with exclusive(f"{name}-waiting"):  # only the first process in line polls
                while (taken := take_one(locks)) is None:
                    time.sleep(LOOK_EVERY_SECONDS)
        yield taken


def take_one(locks: Sequence[FileLock]) -> int | None:
    """Take the first lock that is free. Returns its number; None if all are taken."""
    return next((number for number, lock in enumerate(locks) if lock.take_if_free()), None)


@cache
def _database() -> str:
    """Return a name of this database on this server. The URI is hashed, because it may hold a password."""
    database = settings.DATABASES["default"]
    return f"{database['NAME']}-{sha256(str(database['HOST']).encode()).hexdigest()[:8]}"
