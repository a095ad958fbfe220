"""Host locks admit one process at a time, and are free again when their process dies."""

import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from taskqueue import host_locks
from taskqueue.host_locks import exclusive, lock_directory, problem
from tests.factories.threads import at_once

HOLD = """
import sys, time
from django.conf import settings
settings.configure(DATABASES={"default": {"NAME": sys.argv[1], "HOST": sys.argv[2]}}, DATA_DIR=sys.argv[3])
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


def test_frozen_holder_is_waited_for_only_once(
    settings: Settings, tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If each look waited, the workers of a lane would look only every few seconds while a cluster is frozen."""
    with _holder(settings.DATABASES["default"], str(tmp_path)) as holder:
        holder.send_signal(signal.SIGSTOP)
        assert [_seconds_to_enter(within=3) >= 3 for _time in range(3)] == [True, False, False]
        holder.send_signal(signal.SIGKILL)


@pytest.mark.parametrize("holds_on", [True, False])
def test_lock_is_tried_again_after_a_while_without(
    settings: Settings, tmp_path: object, monkeypatch: pytest.MonkeyPatch, *, holds_on: bool
) -> None:
    monkeypatch.setattr("taskqueue.host_locks.WITHOUT_SECONDS", 0)
    with _holder(settings.DATABASES["default"], str(tmp_path)) as holder:
        _seconds_to_enter(within=0)
        if not holds_on:
            holder.send_signal(signal.SIGKILL)
            holder.wait()
        assert _seconds_to_enter(within=60, again_within=0.1) < 30
        holder.kill()
        assert ("test" in host_locks._without_until) == holds_on


def test_process_that_is_to_stop_waits_no_longer(settings: Settings, tmp_path: object) -> None:
    with _holder(settings.DATABASES["default"], str(tmp_path)) as holder:
        assert _seconds_to_enter(within=60, unless=lambda: True) < 5
        holder.kill()


def test_locks_lie_where_nobody_else_may_go() -> None:
    lock_directory().mkdir(mode=0o777)
    lock_directory().chmod(0o777)
    assert problem() == ""

    modes = {stat.S_IMODE(path.stat().st_mode) for path in lock_directory().iterdir()}
    assert (stat.S_IMODE(lock_directory().stat().st_mode), modes) == (0o700, {0o600})


def test_locks_of_another_user_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert problem() == ""
    mine = os.geteuid()
    monkeypatch.setattr("os.geteuid", lambda: mine + 1)

    assert problem() == f"{lock_directory()} belongs to user {mine}, not to {mine + 1}"
    with exclusive("test"), exclusive("test"):  # neither waits
        pass


@pytest.mark.parametrize(
    "make", [Path.touch, lambda path: path.symlink_to("/"), lambda path: path.symlink_to("nowhere")]
)
def test_what_lies_in_the_place_of_the_directory_is_refused(make: Callable[[Path], None]) -> None:
    make(lock_directory())

    assert problem() != ""
    with exclusive("test"):
        pass


def test_link_in_the_place_of_a_lock_is_refused(tmp_path: Path) -> None:
    assert problem() == ""
    (lock,) = lock_directory().iterdir()
    lock.unlink()
    lock.symlink_to(tmp_path / "target")

    assert ("loop" in problem().lower() or "link" in problem().lower(), (tmp_path / "target").exists()) == (True, False)


def _seconds_to_enter(**how: Any) -> float:
    began = time.monotonic()
    with exclusive("test", **how):
        return time.monotonic() - began


@contextmanager
def _holder(database: dict[str, Any], directory: str) -> Iterator[subprocess.Popen[str]]:
    """Run a process that holds the lock `test` inside the block."""
    command = [sys.executable, "-c", HOLD, database["NAME"], str(database["HOST"]), directory]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "in\n"
        yield holder
