"""Benchmarks that are interrupted leave nothing behind."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from lab.bench.surroundings import BenchFailed


@contextmanager
def ends_in_order() -> Iterator[None]:
    """Let SIGTERM and Ctrl-C end the processes and drop the database first."""
    previous = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    except KeyboardInterrupt as error:
        raise BenchFailed("Interrupted; all processes have ended.") from error
    finally:
        signal.signal(signal.SIGTERM, previous)


def _interrupt(_signal: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt
