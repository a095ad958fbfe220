"""Host locks admit a limited number of processes at a time, and are free again when their process dies."""

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
def test_limited_lets_in_as_many_as_its_limit(places: int) -> None:
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
            full.wait(timeout=10)  # passes only if all places are taken at the same time
            with lock:
                inside -= 1

    at_once([enter] * (4 * places))
    assert (inside, most, numbers) == (0, places, set(range(places)))


def test_lock_of_a_dead_process_is_free(settings: Settings, tmp_path: object) -> None:
    with _holder(settings.DATABASES["default"], str(tmp_path)) as holder:
        waiting = threading.Thread(target=lambda: exclusive("test").__enter__())
        waiting.start()
        waiting.join(0.2)
        assert waiting.is_alive()
        holder.send_signal(signal.SIGKILL)
        waiting.join(10)
        assert not waiting.is_alive()


def test_is_free_does_not_take_the_lock() -> None:
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
