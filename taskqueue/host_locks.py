"""Locks that the processes of this host share, for what only one of them should do at a time.

Without them the workers of a lane, above all those of several clusters on one host, would claim the same messages. Each
is a lock on a file, so the kernel releases it when its process dies.
"""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from hashlib import sha256
from pathlib import Path

from django.conf import settings


@contextmanager
def exclusive(name: str) -> Iterator[None]:
    """Wait until no other process of this user that uses the same database is inside a block of this name."""
    path = Path(tempfile.gettempdir()) / f"{_database()}-{os.getuid()}-{name}.lock"
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


@cache
def _database() -> str:
    """Return a name of this database on this server. The URI is hashed, because it may hold a password."""
    database = settings.DATABASES["default"]
    return f"{database['NAME']}-{sha256(str(database['HOST']).encode()).hexdigest()[:8]}"
