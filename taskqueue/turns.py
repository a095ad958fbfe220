"""Turns: what only one process of this host does at a time, or as many as it has processors; the others wait.

Without them workers, more so those of several clusters on one host, only take the processors from each other.
The kernel takes a turn back from whoever dies.
"""

import fcntl
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from django.conf import settings

PLACES = max(2, os.cpu_count() or 1)
LOOK_EVERY_SECONDS = 0.001


@contextmanager
def turn(name: str) -> Iterator[None]:
    """Wait until nobody else is inside such a block."""
    with _file(name) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def place(name: str, *, places: int = PLACES) -> Iterator[None]:
    """Wait until fewer than so many are inside such a block."""
    with ExitStack() as stack:
        files = [stack.enter_context(_file(f"{name}-{number}")) for number in range(places)]
        if not _take_one(files):
            with turn(f"{name}-door"):  # who is first looks for a place, the others don't
                while not _take_one(files):
                    time.sleep(LOOK_EVERY_SECONDS)
        yield


def _file(name: str) -> BinaryIO:
    """Open the file that stands for the thing, among this user's that share a database."""
    database = settings.DATABASES["default"]["NAME"]
    path = Path(tempfile.gettempdir()) / f"{database}-{os.getuid()}-{name}.lock"
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "rb")


def _take_one(files: list[BinaryIO]) -> bool:
    """Take the first that is free, and tell whether there was one."""
    for file in files:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        return True
    return False
