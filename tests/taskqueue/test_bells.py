"""A bell wakes the sleeping worker of a lane, whichever process of the host rings it."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from threading import Timer
from typing import Any

import pytest
from pytest_django import Settings

from config import clock
from mongodb.transactions import run_in_transaction
from taskqueue import bells
from taskqueue.broker import PreciseBroker
from taskqueue.host_locks import lock_directory
from taskqueue.queues import Queue
from tests.taskqueue.tasks import note_at_commit, note_each

MINUTE = timedelta(minutes=1)
RING = """
import sys
from django.conf import settings
settings.configure(DATABASES={"default": {"NAME": sys.argv[1], "HOST": sys.argv[2]}}, DATA_DIR=sys.argv[3])
from taskqueue import bells
bells.hang_up(["another lane"])
bells.ring(["lane"])
"""


@pytest.fixture(autouse=True)
def _no_bells(own_locks: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Replace this process's bells, so that a test has only the bells that it creates with `hang_up`."""
    hung_up: dict[str, int] = {}
    monkeypatch.setattr("taskqueue.bells._bells", hung_up)
    yield
    for bell in hung_up.values():
        os.close(bell)


@pytest.mark.django_db
@pytest.mark.parametrize("run", [lambda block: block(), run_in_transaction], ids=["at once", "with the commit"])
def test_bell_wakes_a_worker_that_waits(run: Any) -> None:
    bells.hang_up([Queue.WORK.value])
    timer = Timer(0.2, lambda: run(partial(note_each.enqueue, "a")))
    began = time.monotonic()
    timer.start()

    assert [claim.name for claim in PreciseBroker().claim(patience=MINUTE / 2)] == ["note_each"]
    assert 0.2 <= time.monotonic() - began < 10
    timer.join()


def test_bell_is_heard_from_another_process(settings: Settings, tmp_path: Path) -> None:
    bells.hang_up(["lane"])
    database = settings.DATABASES["default"]
    subprocess.run([sys.executable, "-c", RING, database["NAME"], str(database["HOST"]), str(tmp_path)], check=True)

    assert (bells.wait("lane", 10), bells.wait("lane", 0.01)) == (True, False)


def test_bell_of_another_lane_wakes_nobody() -> None:
    bells.hang_up(["one", "other"])
    bells.ring(["other", "a lane without workers here"])

    assert (bells.wait("one", 0.01), bells.wait("other", 0.01), bells.wait("other", 0.01)) == (False, True, False)


@pytest.mark.django_db
def test_message_that_is_due_later_rings_no_bell() -> None:
    bells.hang_up([Queue.WORK.value])
    note_each.enqueue("a", at=clock.now() + MINUTE)
    note_at_commit.enqueue("b", at=clock.now() + MINUTE)

    assert not bells.wait(Queue.WORK.value, 0.01)


def test_ringing_never_waits_for_a_worker_that_does_not_listen() -> None:
    bells.hang_up(["lane"])
    full = bells._bells["lane"]
    while True:
        try:
            os.write(full, b"!" * 4096)
        except BlockingIOError:
            break
    bells.ring(["lane"])

    assert (bells.wait("lane", 10), bells.wait("lane", 0.01)) == (True, False)


def test_process_without_workers_does_not_ring(monkeypatch: pytest.MonkeyPatch) -> None:
    bells.hang_up(["lane"])
    with monkeypatch.context() as web:
        web.setattr("taskqueue.bells._bells", {})
        bells.ring(["lane"])

    assert not bells.wait("lane", 0.01)


def test_bell_that_was_deleted_is_not_rung() -> None:
    bells.hang_up(["lane"])
    [bell] = lock_directory().glob("*.bell")
    bell.unlink()
    bells.ring(["lane"])

    assert not bells.wait("lane", 0.01)


def test_worker_waits_in_silence_where_bells_can_not_be_made(tmp_path: Path) -> None:
    lock_directory().write_text("")
    bells.hang_up(["lane"])
    bells.ring(["lane"])

    assert not bells.wait("lane", 0.01)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_bell_of_another_user_is_not_rung() -> None:
    bells.hang_up(["lane"])
    [bell] = lock_directory().glob("*.bell")
    os.chown(bell, 65534, -1)
    bells.ring(["lane"])

    assert not bells.wait("lane", 0.01)
