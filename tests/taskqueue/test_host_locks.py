"""Host locks admit one process at a time, and are free again when their process dies."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from pytest_django import Settings

from taskqueue.host_locks import exclusive
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


def test_lock_lets_in_one_at_a_time() -> None:
    inside, most = 0, 0

    def enter() -> None:
        nonlocal inside, most
        with exclusive("test"):
            inside += 1
            most = max(most, inside)
            time.sleep(0.01)
            inside -= 1

    at_once([enter] * 8)
    assert (inside, most) == (0, 1)


def test_locks_of_different_names_are_apart() -> None:
    with exclusive("test"), exclusive("another"):
        pass


def test_lock_of_a_dead_process_is_free(settings: Settings, tmp_path: object) -> None:
    with _holder(settings.DATABASES["default"], str(tmp_path)) as holder:
        waiting = threading.Thread(target=lambda: exclusive("test").__enter__())
        waiting.start()
        waiting.join(0.2)
        assert waiting.is_alive()
        holder.send_signal(signal.SIGKILL)
        waiting.join(10)
        assert not waiting.is_alive()


@contextmanager
def _holder(database: dict[str, Any], directory: str) -> Iterator[subprocess.Popen[str]]:
    """Run a process that holds the only lock."""
    command = [sys.executable, "-c", HOLD, database["NAME"], str(database["HOST"])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={"TMPDIR": directory}) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "in\n"
        yield holder
