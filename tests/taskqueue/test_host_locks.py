"""Host locks: a limited number of processes at a time, and none keeps a lock when it dies."""

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from pytest_django import Settings

from taskqueue.host_locks import FileLock, exclusive, limited
from tests.factories.threads import at_once

HOLD = """
import sys, time
from django.conf import settings
settings.configure(DATABASES={"default": {"NAME": sys.argv[1], "HOST": sys.argv[2]}})
from taskqueue.host_locks import exclusive
with exclusive("test"):
    print("in", flush=True)
    time.sleep(60)
"""


pytestmark = pytest.mark.usefixtures("own_locks")


@pytest.mark.parametrize("places", [1, 3])
def test_no_more_than_the_places_are_in_at_a_time(places: int) -> None:
    inside, most, lock = 0, 0, threading.Lock()
    numbers = set()
    full = threading.Barrier(places)

    def enter() -> None:
        nonlocal inside, most
        with limited("test", limit=places) as number:
            with lock:
                numbers.add(number)
                inside += 1
                most = max(most, inside)
            full.wait(timeout=10)  # all places are taken at some time
            with lock:
                inside -= 1

    at_once([enter] * (4 * places))
    assert (inside, most, numbers) == (0, places, set(range(places)))


def test_dead_process_gives_its_place_back(settings: Settings, tmp_path: object) -> None:
    with _holder(settings.DATABASES["default"], str(tmp_path)) as holder:
        waiting = threading.Thread(target=lambda: exclusive("test").__enter__())
        waiting.start()
        waiting.join(0.2)
        assert waiting.is_alive()
        holder.send_signal(signal.SIGKILL)
        waiting.join(10)
        assert not waiting.is_alive()


def test_who_looks_at_a_lock_takes_nothing() -> None:
    mine, other = FileLock("test"), FileLock("test")
    mine.take()
    assert (other.is_free(), other.take_if_free()) == (False, False)
    mine.give_back()
    assert (other.is_free(), mine.is_free(), mine.take_if_free()) == (True, True, True)


@contextmanager
def _holder(database: dict[str, Any], directory: str) -> Iterator[subprocess.Popen[str]]:
    """Run a process that holds the only lock."""
    command = [sys.executable, "-c", HOLD, database["NAME"], str(database["HOST"])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={"TMPDIR": directory}) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "in\n"
        yield holder
