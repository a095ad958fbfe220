"""Locks that the processes of this host share, for work that only one of them should do at a time.

If there were no locks, the workers of a lane would look for the same messages, above all if the host runs several
clusters. Each lock is on a file, so the kernel releases it when its process dies. The files lie in a directory that
only its owner may enter, because another user who held a lock would stop the queue. The bells (`bells.py`) lie there,
too.
"""

import fcntl
import math
import os
import signal
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from hashlib import sha256
from pathlib import Path

from django.conf import settings

# How often a process that waits for a lock checks whether it should go on waiting.
GLANCE_EVERY_SECONDS = 0.5
# A process that has waited for a lock in vain goes on without it. After this time, it briefly tries to take it again.
WITHOUT_SECONDS = 10.0
PRIVATE = 0o700
LOCK_FILE = 0o600


class LocksRefused(OSError):
    """The directory of the locks, or a lock, belongs to another user."""


# For each lock for which this process has waited in vain, the monotonic time until which it goes on without the lock.
_without_until: dict[str, float] = {}


class _GlanceIsOver(Exception):
    """The signal that ends a glance, one limited wait for a lock, has arrived."""


@contextmanager
def exclusive(
    name: str,
    *,
    within: float = math.inf,
    again_within: float = GLANCE_EVERY_SECONDS,
    unless: Callable[[], bool] = lambda: False,
) -> Iterator[None]:
    """Wait until no other process of this user that uses the same database is inside a block of this name.

    If the lock can't be taken, the block runs without it: workers then compete for messages, but each message is still
    claimed once. The cluster reports the reason (`problem`). The block also runs without the lock as soon as `unless`
    returns true, or after `within` seconds, because a frozen process would hold the lock for ever. A process that has
    waited in vain waits only for `again_within` seconds from then on.
    """
    try:
        lock = _open(name)
    except OSError:
        yield
        return
    try:
        _wait_for(lock, name, within=within, again_within=again_within, unless=unless)
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


def open_bell(name: str, flags: int, *, make: bool) -> int:
    """Open a FIFO that lies next to the locks, without blocking. Raises OSError.

    `make` creates the FIFO if it is missing. A FIFO can be opened for writing only while a process has it open for
    reading.
    """
    with _directory(make=make) as directory:
        file = f"{_database()}-{name}.bell"
        if make:
            with suppress(FileExistsError):
                os.mkfifo(file, LOCK_FILE, dir_fd=directory)
        return _own(os.open(file, flags | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory), file)


def _open(name: str) -> int:
    """Open a lock's file. Raises OSError, in particular LocksRefused if the file belongs to another user."""
    with _directory(make=True) as directory:
        file = f"{_database()}-{name}.lock"
        return _own(
            os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, LOCK_FILE, dir_fd=directory), file
        )


def _wait_for(lock: int, name: str, *, within: float, again_within: float, unless: Callable[[], bool]) -> None:
    """Take the lock, or return without it; see `exclusive`."""
    now = time.monotonic()
    if now < _without_until.get(name, -math.inf):
        return
    has_waited = name in _without_until
    give_up_at = now if has_waited else now + within
    while not _take_at_a_glance(lock, seconds=again_within if has_waited else GLANCE_EVERY_SECONDS):
        if unless():
            return
        if time.monotonic() >= give_up_at:
            _without_until[name] = time.monotonic() + WITHOUT_SECONDS
            return
    _without_until.pop(name, None)


def _take_at_a_glance(lock: int, *, seconds: float) -> bool:
    """Wait for the lock, but not for longer than these seconds. Return whether this process has it.

    A signal ends the wait only if its handler raises. Handlers run in the main thread only, so other threads wait
    without a limit.
    """
    if threading.current_thread() is not threading.main_thread():
        fcntl.flock(lock, fcntl.LOCK_EX)
        return True
    try:
        try:
            signal.signal(signal.SIGALRM, _end_glance)
            signal.setitimer(signal.ITIMER_REAL, seconds)
            fcntl.flock(lock, fcntl.LOCK_EX)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
    except _GlanceIsOver:  # if the lock was taken at this moment, the next glance takes it again at once
        return False
    return True


def _end_glance(*_signal: object) -> None:
    raise _GlanceIsOver


@contextmanager
def _directory(*, make: bool) -> Iterator[int]:
    """Open the directory of the locks and yield its descriptor. Raises LocksRefused if another user owns it."""
    path = lock_directory()
    if make:
        path.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        found = os.fstat(directory)
        _refuse_others(found, path)
        if stat.S_IMODE(found.st_mode) != PRIVATE:
            os.fchmod(directory, PRIVATE)
        yield directory
    finally:
        os.close(directory)


def _own(opened: int, file: str) -> int:
    """Return the opened file. If it belongs to another user, close it and raise LocksRefused."""
    try:
        _refuse_others(os.fstat(opened), lock_directory() / file)
    except LocksRefused:
        os.close(opened)
        raise
    return opened


def _refuse_others(found: os.stat_result, path: Path) -> None:
    if found.st_uid != os.geteuid():
        raise LocksRefused(f"{path} belongs to user {found.st_uid}, not to {os.geteuid()}")


@cache
def _database() -> str:
    """Return a name for this database on this server. The URI is hashed, because it may contain a password."""
    database = settings.DATABASES["default"]
    return f"{database['NAME']}-{sha256(str(database['HOST']).encode()).hexdigest()[:8]}"
