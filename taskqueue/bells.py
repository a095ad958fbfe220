"""Bells: a process rings when it has queued a message that is due, so that a sleeping worker looks at once.

Processes of other clusters and hosts, and the web, can't ring. Their messages are found by the next look, at most
`poll` seconds later.
"""

import os
import select
from collections.abc import Iterable

_bells: dict[str, int] = {}


def hang_up(keys: Iterable[str]) -> None:
    """Make a bell for each lane. Call it before the workers are forked, so that all of them share the bells."""
    for key in keys:
        if key not in _bells:
            _bells[key] = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)


def ring(keys: Iterable[str]) -> None:
    """Wake the worker that waits for messages of each lane."""
    for key in keys:
        if key in _bells:
            os.eventfd_write(_bells[key], 1)


def wait(key: str, seconds: float) -> bool:
    """Wait until the lane's bell rings, or for this time. Returns whether it has rung since the last wait."""
    bell = _bells.get(key)
    heard, _, _ = select.select([] if bell is None else [bell], [], [], max(0.0, seconds))
    if bell is None or not heard:
        return False
    try:
        os.eventfd_read(bell)
    except BlockingIOError:  # another worker has heard it, too
        return False
    return True
