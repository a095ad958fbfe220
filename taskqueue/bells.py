"""Bells: a process that has queued a due message rings, so that a sleeping worker of its host looks at once.

A bell is a FIFO next to the host's locks, so all clusters of the host hear it. Web servers don't ring: they queue
many messages one by one, which are better taken together. Their messages, and those of other hosts, are found by the
next look, at most `look_every` seconds later.
"""

import os
import select
from collections.abc import Iterable

from taskqueue.host_locks import open_bell

BYTES_AT_ONCE = 65536

_bells: dict[str, int] = {}


def hang_up(keys: Iterable[str]) -> None:
    """Open the bell of each lane. Call this before the workers are forked, so that all of them have it.

    If there is no directory for locks, there are no bells, and the cluster reports why (`problem`).
    """
    for key in keys:
        if key not in _bells:
            try:
                _bells[key] = open_bell(key, os.O_RDWR, make=True)
            except OSError:
                return


def ring(keys: Iterable[str]) -> None:
    """Wake the worker that waits for messages of each lane, if this process belongs to a cluster."""
    for key in keys if _bells else ():
        try:
            bell = open_bell(key, os.O_WRONLY, make=False)
        except OSError:
            continue
        try:
            os.write(bell, b"!")
        except BlockingIOError:  # it was rung many thousand times, and nobody has listened yet
            pass
        finally:
            os.close(bell)


def wait(key: str, seconds: float) -> bool:
    """Wait until the lane's bell rings, or for this time. Return whether it has rung since the last wait."""
    bell = _bells.get(key)
    heard, _, _ = select.select([] if bell is None else [bell], [], [], max(0.0, seconds))
    if bell is None or not heard:
        return False
    try:
        os.read(bell, BYTES_AT_ONCE)
    except BlockingIOError:  # another worker has heard it, too
        return False
    return True
