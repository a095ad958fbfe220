"""Claims beside a transaction that has deleted the earliest message and stays open."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId
from django_q.signing import SignedPackage

from mongodb.collections import collection
from taskqueue.broker import Claim, PreciseBroker
from taskqueue.durable import DurableTask
from taskqueue.messages import MESSAGES
from tests.factories.documents import stored
from tests.taskqueue.clusters import eventually, runs
from tests.taskqueue.conftest import StartCluster
from tests.taskqueue.tasks import note, note_start
from tests.taskqueue.transactions import deleted_in_open_transaction

pytestmark = pytest.mark.django_db

A, B = str(ObjectId()), str(ObjectId())
SECOND = timedelta(seconds=1)
# If a claim waited for the transaction, it would take 5 s, until MongoDB aborts the transaction.
SOON_SECONDS = 2.5
BOTH_QUEUES = pytest.mark.parametrize("task", [note_start, note], ids=["start", "work"])


def timed(claim: Callable[[], Claim | None]) -> tuple[str | None, bool]:
    """Return the argument of the claimed message, and whether the claim was quick."""
    began = time.monotonic()
    claimed = claim()
    argument = SignedPackage.loads(claimed.payload)["args"][0] if claimed else None
    return argument, time.monotonic() - began < SOON_SECONDS


@BOTH_QUEUES
@pytest.mark.parametrize("way", ["claim", "await_claim"])
def test_claims_look_past_a_held_message(task: DurableTask, way: str) -> None:
    now = datetime.now(UTC)
    for subject, name, age in ((A, "moved", 9), (A, "moved, too", 8), (B, "b", 7), ("", "c", 6)):
        task.enqueue(name, at=now - age * SECOND, subject=subject)
    broker = PreciseBroker(task.queue.value)
    claim = getattr(broker, way)

    with deleted_in_open_transaction(subject=A):
        assert [timed(claim) for _ in range(3)] == [("b", True), ("c", True), (None, True)]
    broker._looks_past_held_until = 0.0  # the aborted transaction has left its messages due
    assert [timed(claim) for _ in range(3)] == [("moved", True), ("moved, too", True), (None, True)]


@BOTH_QUEUES
def test_message_that_comes_due_beside_a_held_one_is_claimed_at_its_moment(task: DurableTask) -> None:
    due = datetime.now(UTC) + timedelta(milliseconds=150)
    task.enqueue("moved", subject=A)
    task.enqueue("b", at=due, subject=B)
    broker = PreciseBroker(task.queue.value)

    with deleted_in_open_transaction(subject=A):
        while (claimed := broker.await_claim()) is None:
            pass
        late = datetime.now(UTC) - due
    assert SignedPackage.loads(claimed.payload)["args"] == ("b",)
    assert late.total_seconds() < SOON_SECONDS


def test_waiting_beside_a_held_message_polls() -> None:
    note.enqueue("moved", subject=A)
    broker = PreciseBroker()

    with deleted_in_open_transaction(subject=A):
        began = time.monotonic()
        assert [broker.await_claim() for _ in range(4)] == [None] * 4
        seconds = time.monotonic() - began
    assert seconds >= 4 * 0.05  # the pause between two claims: `poll` in Q_CLUSTER


def test_worker_that_gave_up_a_claim_holds_nothing() -> None:
    """MongoDB may carry out a claim and still answer that the time limit was exceeded."""
    note.enqueue("moved", subject=A)
    note.enqueue("b", subject=B)
    broker = PreciseBroker()
    lost = {"lock": datetime.now(UTC) + timedelta(hours=1), "owner": broker.owner}
    collection(MESSAGES).update_one({"subject": B}, {"$set": lost})

    with deleted_in_open_transaction(subject=A):
        assert timed(broker.claim) == ("b", True)


def test_withdrawing_and_discarding_do_not_wait_for_a_transaction() -> None:
    for name in ("a", "b"):
        note_start.enqueue(name, subject={"a": A, "b": B}[name])
    ids = [message["_id"] for message in stored(MESSAGES)]

    with deleted_in_open_transaction(subject=A):
        began = time.monotonic()
        note_start.withdraw([A])
        note_start.discard(ids[:1])
        assert note_start.due(now=datetime.now(UTC), limit=9) == [A, B]
        seconds = time.monotonic() - began
    assert seconds < SOON_SECONDS
    note_start.withdraw([A, B])
    assert stored(MESSAGES) == []


@pytest.mark.slow
@pytest.mark.crash
@BOTH_QUEUES
def test_cluster_works_on_beside_a_transaction_that_hangs(task: DurableTask, start_cluster: StartCluster) -> None:
    start_cluster(Q_WORKERS=2, Q_START_WORKERS=2)
    held_until = datetime.now(UTC) + 2 * SECOND
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
