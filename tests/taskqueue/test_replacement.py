"""A subject has at most one waiting message, which is replaced or withdrawn even while workers claim messages."""

from datetime import UTC, datetime, timedelta

import pytest
from bson import ObjectId

from config.errors import ProductError
from mongodb.collections import collection
from mongodb.transactions import insert_at_commit, run_in_transaction
from taskqueue.broker import PreciseBroker
from taskqueue.durable import task_at
from taskqueue.messages import MESSAGES
from taskqueue.packages import unpack
from taskqueue.queues import Queue
from tests.factories.fixtures import Commands
from tests.taskqueue.tasks import note, note_start

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
A, B = str(ObjectId()), str(ObjectId())

once = task_at("tests.taskqueue.tasks.note")


def waiting() -> list[tuple[str, str, object, datetime]]:
    """Return the name, subject, first argument and due time of each message, in the order of insertion."""
    found = collection(MESSAGES).find().sort("_id", 1)
    return [(m["name"], m["subject"], unpack(m["payload"])["args"][0], m["lock"]) for m in found]


def entry(name: str, subject: str, argument: object, due: datetime) -> tuple[str, str, object, datetime]:
    return name, subject, argument, due.replace(tzinfo=None)


@pytest.mark.parametrize("run", [run_in_transaction, lambda block: block()], ids=["transaction", "at once"])
def test_replacing_task_waits_once_for_its_subject(run: object) -> None:
    assert callable(run)
    for name in ("old", "older"):
        note_start.enqueue(name, at=NOW, subject=A)
    note_start.enqueue("other", at=NOW, subject=B)
    note.enqueue("another task", at=NOW, subject=A)

    run(lambda: note_start.replace("new", at=NOW + HOUR, subject=A))

    assert waiting() == [
        entry("note_start", B, "other", NOW),
        entry("note", A, "another task", NOW),
        entry("note_start", A, "new", NOW + HOUR),
    ]


def test_last_change_in_a_transaction_counts() -> None:
    def change_often() -> None:
        note_start.withdraw(A)
        note_start.replace("first", at=NOW, subject=A)
        note_start.withdraw(A)
        note_start.replace("second", at=NOW, subject=A)
        note.replace("work", at=NOW, subject=A)
        note_start.replace("first", at=NOW, subject=B)
        note_start.withdraw(B)

    note_start.enqueue("old", at=NOW, subject=B)
    run_in_transaction(change_often)

    assert waiting() == [entry("note_start", A, "second", NOW), entry("note", A, "work", NOW)]


def test_transaction_that_fails_withdraws_nothing() -> None:
    def failing() -> None:
        note_start.replace("new", at=NOW + HOUR, subject=A)
        raise ProductError

    note_start.enqueue("old", at=NOW, subject=A)
    with pytest.raises(ProductError):
        run_in_transaction(failing)

    assert waiting() == [entry("note_start", A, "old", NOW)]


def test_subject_is_required() -> None:
    with pytest.raises(ValueError, match="needs a subject"):
        note_start.withdraw("")


def test_deletion_is_one_command_and_the_last_before_the_commit(commands: Commands) -> None:
    def move_many() -> None:
        for number in range(30):
            note_start.replace(str(number), at=NOW, subject=str(ObjectId()))
            once.replace(str(number), at=NOW, subject=str(ObjectId()))
        insert_at_commit("goal_timeline", {"a": "row"})

    run_in_transaction(move_many)
    collection("goal_timeline").delete_many({})

    begin = commands.names.index(f"insert {MESSAGES}")
    assert commands.names[begin : begin + 4] == [
        f"insert {MESSAGES}",
        "insert goal_timeline",
        f"delete {MESSAGES}",
        "commitTransaction 1",
    ]


def test_message_that_a_worker_holds_is_left_to_the_worker() -> None:
    note_start.enqueue("old", subject=A)
    broker = PreciseBroker(Queue.START.value)
    (claim,) = broker.claim()

    run_in_transaction(lambda: note_start.replace("new", at=NOW + HOUR, subject=A))

    assert [name for _task, _subject, name, _due in waiting()] == ["old", "new"]
    broker.acknowledge(claim.message_id)
    assert waiting() == [entry("note_start", A, "new", NOW + HOUR)]


def test_claim_in_the_middle_of_a_move_makes_it_run_twice_at_most() -> None:
    """The transaction has not seen the claim when it deletes the message, so there is a write conflict."""
    broker = PreciseBroker(Queue.START.value)
    attempts = []

    def move() -> None:
        collection(MESSAGES).find_one({})  # from here on, the transaction reads this state of the queue
        attempts.append(broker.claim())
        note_start.replace("new", at=NOW + HOUR, subject=A)

    note_start.enqueue("old", subject=A)
    run_in_transaction(move)

    assert [len(claims) for claims in attempts] == [1, 0]
    assert [name for _task, _subject, name, _due in waiting()] == ["old", "new"]
