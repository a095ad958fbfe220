"""Durable tasks for a real qcluster. What they did is in the collection RUNS: `{name, what, pid, at}`."""

import os
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NoReturn

from config.errors import TransportError
from mongodb.collections import collection
from mongodb.transactions import run_in_transaction
from taskqueue.durable import DurableTask, durable
from taskqueue.queues import Queue

RUNS = "test_runs"
REPAIRED = "test_repaired"


def start(function: Callable[..., None]) -> DurableTask:
    """Make a durable task of the lane START that takes one call at a time."""
    return DurableTask(function, Queue.START)


@durable
def note(name: str) -> None:
    _note(name, "ran")


@durable
def take(name: str, milliseconds: int) -> None:
    _note(name, "began")
    time.sleep(milliseconds / 1000)
    _note(name, "ended")


@start
def note_start(name: str) -> None:
    _note(name, "ran")


@start
def start_then_note(name: str) -> None:
    """A task of the lane START that takes a while and leaves one to the lane WORK, which is idle meanwhile."""
    time.sleep(0.3)
    _note(name, "began")
    note.enqueue(name)


@durable
def kill_worker(name: str) -> None:
    _note(name, "began")
    os.kill(os.getpid(), signal.SIGKILL)


@durable
def kill_worker_in_transaction(name: str) -> None:
    """Die, the first time, with a document written and nothing committed; then write it again."""
    first = collection(RUNS).count_documents({"name": name}) == 0
    _note(name, "began")

    def write() -> None:
        collection(REPAIRED).update_one({"_id": name}, {"$inc": {"written": 1}})
        if first:
            os.kill(os.getpid(), signal.SIGKILL)

    run_in_transaction(write)
    _note(name, "ended")


@durable
def hang(name: str) -> None:
    """Hang where no signal is noticed: neither the time-out's nor the order to stop."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM, signal.SIGTERM})
    _note(name, "began")
    time.sleep(60)


@durable
def fail_twice(name: str) -> None:
    _note(name, "began")
    if collection(RUNS).count_documents({"name": name}) <= 2:
        raise ConnectionError("away")


@durable
def fail_until_repaired(name: str) -> None:
    _note(name, "began")
    if not collection(REPAIRED).count_documents({}):
        raise TransportError("refused", permanent=True)


class Unreadable:
    """An argument whose code has changed since it was pickled."""

    def __reduce__(self) -> tuple[object, ...]:
        return _fail_to_load, ()


def _fail_to_load() -> NoReturn:
    raise LookupError("no such class any more")


def _note(name: str, what: str) -> None:
    collection(RUNS).insert_one({"name": name, "what": what, "pid": os.getpid(), "at": datetime.now(UTC)})
