"""Bells, with which a process that has queued a due message wakes a sleeping worker of its host.

A bell is a FIFO next to the host's locks, so all clusters of the host hear it. Web servers don't ring: they queue many
messages one by one, and a worker that looks later can take them together. A worker finds the messages of web servers
and of other hosts the next time it looks, at most `look_every` seconds later.
"""

import os
import select
from collections.abc import Iterable

from taskqueue.host_locks import open_bell

BYTES_AT_ONCE = 65536

_bells: dict[str, int] = {}


def hang_up(keys: Iterable[str]) -> None:
    """Open the bell of each lane. Call this before the workers are forked, so that all workers inherit the bells.

    If there is no directory for locks, there are no bells, and the cluster reports why (`problem`).
    """
    for key in keys:
        if key not in _bells:
            try:
                _bells[key] = open_bell(key, os.O_RDWR, make=True)
            except OSError:
                return


def ring(keys: Iterable[str]) -> None:
    """Wake the worker that waits for messages in each of these lanes, if this process belongs to a cluster."""
    for key in keys if _bells else ():
        try:
            bell = open_bell(key, os.O_WRONLY, make=False)
        except OSError:
            continue
        try:
            os.write(bell, b"!")
        except BlockingIOError:  # the FIFO is full, because nobody has listened for a long time
            pass
        finally:
            os.close(bell)


def wait(key: str, seconds: float) -> bool:
    """Wait for at most `seconds` until the lane's bell rings. Return whether this worker has heard it."""
    bell = _bells.get(key)
    heard, _, _ = select.select([] if bell is None else [bell], [], [], max(0.0, seconds))
    if bell is None or not heard:
        return False
    try:
        os.read(bell, BYTES_AT_ONCE)
    except BlockingIOError:  # another worker has emptied the FIFO
        return False
    return True
