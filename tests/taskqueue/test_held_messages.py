"""Claims do not wait for an open transaction that has deleted the earliest message."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from bson import ObjectId

from taskqueue.broker import LOOK_PAST_HELD_SECONDS, Claim, PreciseBroker
from taskqueue.durable import DurableTask
from taskqueue.packages import unpack
from tests.taskqueue.clusters import eventually, runs
from tests.taskqueue.conftest import StartCluster
from tests.taskqueue.tasks import note, note_start
from tests.taskqueue.transactions import deleted_in_open_transaction

pytestmark = pytest.mark.django_db

A, B = str(ObjectId()), str(ObjectId())
SECOND = timedelta(seconds=1)
PATIENCE = timedelta(milliseconds=50)
# If a claim waited for the transaction, it would take 5 s, until MongoDB aborts the transaction.
SOON_SECONDS = 2.5
BOTH_QUEUES = pytest.mark.parametrize("task", [note_start, note], ids=["start", "work"])


def timed(claim: Callable[[], list[Claim]]) -> tuple[list[str], bool]:
    """Return the arguments of the claimed messages, and whether the claim was quick."""
    began = time.monotonic()
    claimed = [unpack(claim.payload)["args"][0] for claim in claim()]
    return claimed, time.monotonic() - began < SOON_SECONDS


@BOTH_QUEUES
def test_claims_look_past_a_held_message(task: DurableTask) -> None:
    now = datetime.now(UTC)
    for subject, name, age in ((A, "moved", 9), (A, "moved, too", 8), (B, "b", 7), ("", "c", 6)):
        task.enqueue(name, at=now - age * SECOND, subject=subject)
    broker = PreciseBroker(task.queue.value)
    claim = partial(broker.claim, patience=PATIENCE)

    with deleted_in_open_transaction(subject=A):
        assert [timed(claim) for _ in range(3)] == [(["b"], True), (["c"], True), ([], True)]
    time.sleep(LOOK_PAST_HELD_SECONDS)  # the aborted transaction has left its messages due
    assert [timed(claim) for _ in range(3)] == [(["moved"], True), (["moved, too"], True), ([], True)]


@BOTH_QUEUES
def test_message_that_comes_due_beside_a_held_one_is_claimed_at_its_moment(task: DurableTask) -> None:
    due = datetime.now(UTC) + timedelta(milliseconds=150)
    task.enqueue("moved", subject=A)
    task.enqueue("b", at=due, subject=B)
    broker = PreciseBroker(task.queue.value)

    with deleted_in_open_transaction(subject=A):
        while not (claims := broker.claim(patience=PATIENCE)):
            pass
        late = datetime.now(UTC) - due
    assert [unpack(claim.payload)["args"] for claim in claims] == [("b",)]
    assert late.total_seconds() < SOON_SECONDS


def test_waiting_beside_a_held_message_sleeps() -> None:
    note.enqueue("moved", subject=A)
    broker = PreciseBroker()

    with deleted_in_open_transaction(subject=A):
        began = time.monotonic()
        assert [broker.claim(patience=PATIENCE) for _ in range(4)] == [[]] * 4
        seconds = time.monotonic() - began
    assert seconds >= 4 * PATIENCE.total_seconds()


@pytest.mark.slow
@pytest.mark.crash
@BOTH_QUEUES
def test_cluster_works_on_beside_a_transaction_that_hangs(task: DurableTask, start_cluster: StartCluster) -> None:
    start_cluster(Q_WORKERS=2, Q_START_WORKERS=2)
    held_until = datetime.now(UTC) + SECOND
    task.enqueue("moved", at=held_until, subject=A)
    names = [f"{number}" for number in range(10)]

    with deleted_in_open_transaction(subject=A):
        first = held_until + timedelta(milliseconds=50)
        dues = {name: first + timedelta(milliseconds=100 * number) for number, name in enumerate(names)}
        for name, due in dues.items():
            task.enqueue(name, at=due, subject=B)
        eventually(lambda: {name for name in names if runs(name)} == set(names), within=10)
        assert runs("moved") == []

    late = [lateness(name, due) for name, due in dues.items()]
    assert max(late) < SOON_SECONDS
    eventually(lambda: runs("moved"))


def lateness(name: str, due: datetime) -> float:
    at: Any = runs(name)[0]["at"]
    return float((at.replace(tzinfo=UTC) - due).total_seconds())
