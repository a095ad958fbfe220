"""Durable tasks for a real qcluster. They note their runs in the collection RUNS as `{name, what, pid, at}`."""

import os
import signal
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import NoReturn

from config.errors import TransportError, Unavailable
from config.vendor_calls import note_answer, probing
from mongodb.collections import collection, quick_collection
from mongodb.transactions import run_in_transaction
from taskqueue.calls import Call, Outcome
from taskqueue.durable import DurableTask, bulk, durable
from taskqueue.queues import Queue

RUNS = "test_runs"
REPAIRED = "test_repaired"
ATTEMPTS = "test_attempts"


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
    """Take a while, and then enqueue a task of the lane WORK, which is idle until then."""
    time.sleep(0.3)
    _note(name, "began")
    note.enqueue(name)


@durable
def kill_worker(name: str) -> None:
    _note(name, "began")
    os.kill(os.getpid(), signal.SIGKILL)


@durable
def kill_worker_in_transaction(name: str) -> None:
    """Write a document in a transaction. The first run dies before the commit."""
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
    """Hang, and ignore both the signal of the time-out and the signal to stop."""
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


MOST, HEAVIEST = 10, 20
# The outcome of a call of `note_each` or `tell` whose name begins with this word.
FAILURES = {
    "away": TransportError("away", permanent=False),
    "refused": TransportError("refused", permanent=True),
}


@bulk(Queue.WORK, most=MOST, heaviest=HEAVIEST)
def note_each(calls: Sequence[Call]) -> list[Outcome]:
    """Note each call with the number of calls in its batch, in one write.

    Until `repair` is called, some names make the batch fail, hang or kill its worker before anything is written.
    """
    names = [str(call.args[0]) for call in calls]
    collection(ATTEMPTS).insert_one({"names": names, "at": time.time_ns()})
    if not collection(REPAIRED).count_documents({}):
        for name in names:
            _misbehave(name)
    good = [name for name in names if name.split(maxsplit=1)[0] not in FAILURES]
    if good:
        at = datetime.now(UTC)
        collection(RUNS).insert_many(
            [{"name": name, "what": f"of {len(calls)}", "pid": os.getpid(), "at": at} for name in good]
        )
    return [FAILURES.get(name.split(maxsplit=1)[0], f"noted {name}") for name in names]


@bulk(Queue.WORK, most=MOST)
def note_at_commit(calls: Sequence[Call]) -> list[Outcome]:
    """Note the calls in one transaction that deletes their messages. A call's name may say when the worker dies."""
    names = [str(call.args[0]) for call in calls]

    def write() -> None:
        for call in calls:
            _note(str(call.args[0]), "ran")
            call.delete_at_commit()
        outside = quick_collection(ATTEMPTS)
        if "die before the commit" in names and not outside.count_documents({}):
            outside.insert_one({"names": names})
            os.kill(os.getpid(), signal.SIGKILL)

    run_in_transaction(write)
    if "die after the commit" in names:
        os.kill(os.getpid(), signal.SIGKILL)
    return ["noted"] * len(calls)


@bulk(Queue.WORK, most=MOST)
def take_all(calls: Sequence[Call]) -> list[Outcome]:
    """Note each call at the beginning and at the end of the batch.

    The batch lasts as long as its first call says. If that call has begun before, the batch takes no time.
    """
    names = [str(call.args[0]) for call in calls]
    is_first = collection(RUNS).count_documents({"name": names[0]}) == 0
    for name in names:
        _note(name, "began")
    if is_first:
        time.sleep(int(calls[0].args[1] or 0) / 1000)
    for name in names:
        _note(name, "ended")
    return [None] * len(calls)


@bulk(Queue.TELL, most=MOST)
def tell(calls: Sequence[Call]) -> list[Outcome]:
    """Simulate a vendor that does not respond until `repair` is called, unless the first name begins with `refused`."""
    names = [str(call.args[0]) for call in calls]
    collection(ATTEMPTS).insert_one({"names": names, "probing": probing.get()})
    if any(name.startswith("superseded") for name in names):
        return [None] * len(calls)
    if not collection(REPAIRED).count_documents({}) and not names[0].startswith("refused"):
        return [FAILURES["away"]] * len(calls)
    note_answer("pusher", 200)
    return [FAILURES.get(name.split(maxsplit=1)[0]) for name in names]


def repair() -> None:
    """Let `fail_until_repaired`, `note_each` and `tell` do their work from now on."""
    collection(REPAIRED).insert_one({})


def attempts() -> list[list[str]]:
    """Return the names in each batch of `note_each`, in order."""
    return [each["names"] for each in collection(ATTEMPTS).find().sort("at", 1)]


def _misbehave(name: str) -> None:
    match name.split(maxsplit=1)[0]:
        case "poison":
            raise KeyError(name)
        case "unavailable":
            raise Unavailable
        case "hang":
            time.sleep(60)
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)


class Unreadable:
    """An argument that can no longer be loaded, because its code has changed since it was queued."""

    def __reduce__(self) -> tuple[object, ...]:
        return _fail_to_load, ()


def _fail_to_load() -> NoReturn:
    raise LookupError("no such class any more")


def _note(name: str, what: str) -> None:
    collection(RUNS).insert_one({"name": name, "what": what, "pid": os.getpid(), "at": datetime.now(UTC)})
