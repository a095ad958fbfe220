"""Locks that the processes of this host share, for what only one of them should do at a time.

Without them the workers of a lane, above all those of several clusters on one host, would look for the same messages.
Each is a lock on a file, so the kernel releases it when its process dies. The files lie in a directory that nobody else
may enter, because another user who holds a lock would stop the queue.
"""

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from hashlib import sha256
from pathlib import Path

from django.conf import settings

PRIVATE = 0o700
LOCK_FILE = 0o600


class LocksRefused(OSError):
    """The directory of the locks, or a lock, belongs to another user."""


@contextmanager
def exclusive(name: str) -> Iterator[None]:
    """Wait until no other process of this user that uses the same database is inside a block of this name.

    If the lock can't be taken, the block runs without it: workers then compete for messages, and each is still claimed
    once. The cluster reports that (`problem`).
    """
    try:
        lock = _open(name)
    except OSError:
        yield
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def problem() -> str:
    """Return why locks can't be taken, or ""."""
    try:
        os.close(_open("try"))
    except OSError as error:
        return str(error)
    return ""


def lock_directory() -> Path:
    """Return the directory of the locks."""
    return Path(settings.DATA_DIR) / "locks"


def _open(name: str) -> int:
    """Open a lock's file. Raises OSError, which is LocksRefused if a user other than this one could hold it."""
    path = lock_directory()
    path.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        found = os.fstat(directory)
        _refuse_others(found, path)
        if stat.S_IMODE(found.st_mode) != PRIVATE:
            os.fchmod(directory, PRIVATE)
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        lock = os.open(f"{_database()}-{name}.lock", flags, LOCK_FILE, dir_fd=directory)
    finally:
        os.close(directory)
    try:
        _refuse_others(os.fstat(lock), path / name)
    except LocksRefused:
        os.close(lock)
        raise
    return lock


def _refuse_others(found: os.stat_result, path: Path) -> None:
    if found.st_uid != os.geteuid():
        raise LocksRefused(f"{path} belongs to user {found.st_uid}, not to {os.geteuid()}")


@cache
def _database() -> str:
    """Return a name of this database on this server. The URI is hashed, because it may hold a password."""
    database = settings.DATABASES["default"]
    return f"{database['NAME']}-{sha256(str(database['HOST']).encode()).hexdigest()[:8]}"
