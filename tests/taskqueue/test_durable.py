import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId
from django_q.brokers import get_broker
from django_q.conf import Conf
from django_q.signals import post_execute_in_worker, pre_execute
from django_q.tasks import async_task  # noqa: TID251 - django-q's own way in must work too

from config.errors import ProductError, TransportError, Unavailable
from mongodb.collections import collection
from mongodb.transactions import run_in_transaction
from taskqueue.broker import PreciseBroker, is_due, release
from taskqueue.durable import durable, is_permanent
from taskqueue.executions import TaskOutcome, task_finished
from taskqueue.messages import MESSAGES
from taskqueue.packages import unpack
from taskqueue.queues import Queue
from tests.taskqueue.tasks import note_start

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
PATIENCE = timedelta(milliseconds=50)


@durable
def greet(name: str) -> str:
    return f"hello {name}"


@durable
def fail_for_good(_name: str) -> None:
    raise TransportError("no", permanent=True)


def messages() -> list[dict[str, Any]]:
    return list(collection(MESSAGES).find())


def test_enqueued_message_is_what_django_q_reads() -> None:
    greet.enqueue("you", at=NOW, subject="6811bfd5d273022b46570ae5")
    (message,) = messages()
    package = unpack(message["payload"])
    assert {name: package[name] for name in ("name", "func", "args", "kwargs", "group")} == {
        "name": "greet",
        "func": "tests.taskqueue.test_durable.greet",
        "args": ("you",),
        "kwargs": {},
        "group": "6811bfd5d273022b46570ae5",
    }
    assert (message["key"], message["lock"]) == (Conf.CLUSTER_NAME, NOW.replace(tzinfo=None))


def test_eta_is_rounded_up_to_a_millisecond() -> None:
    greet.enqueue("you", at=NOW + timedelta(microseconds=1))
    assert messages()[0]["lock"] == (NOW + timedelta(milliseconds=1)).replace(tzinfo=None)


@pytest.mark.parametrize("argument", [ObjectId(), NOW, 1.5, ["a"], {"a": 1}])
def test_argument_other_than_a_primitive_is_refused(argument: Any) -> None:
    with pytest.raises(TypeError, match="task arguments are str, int, bool or None"):
        greet.enqueue(argument)
    assert messages() == []


def test_message_is_inserted_with_the_commit_or_not_at_all() -> None:
    def failing() -> None:
        greet.enqueue("you")
        raise ProductError

    with pytest.raises(ProductError):
        run_in_transaction(failing)
    assert messages() == []
    run_in_transaction(lambda: greet.enqueue("you"))
    assert len(messages()) == 1


def test_enqueue_once_keeps_one_message() -> None:
    assert [greet.enqueue("you", at=NOW, once=which) for which in ("a", "a", "b")] == [True, False, True]
    assert [message["lock"] for message in messages()] == [NOW.replace(tzinfo=None)] * 2


def test_once_counts_for_one_task() -> None:
    assert (greet.enqueue("you", once="a"), fail_for_good.enqueue("you", once="a")) == (True, True)


@pytest.mark.parametrize(
    "enqueue", [lambda: greet.enqueue("you"), lambda: PreciseBroker().enqueue("payload")], ids=["task", "package"]
)
def test_message_without_a_moment_is_due_at_once(enqueue: Callable[[], object]) -> None:
    """MongoDB keeps whole milliseconds. If the moment were rounded up, it would often still be in the future."""
    for _ in range(100):
        enqueue()
        assert is_due(Queue.WORK.value)
        collection(MESSAGES).delete_many({})


def test_broker_gives_due_messages_soonest_first_and_leaves_the_others() -> None:
    now = datetime.now(UTC)
    greet.enqueue("second", at=now - timedelta(seconds=1))
    greet.enqueue("first", at=now - timedelta(seconds=2))
    greet.enqueue("later", at=now + timedelta(hours=1))
    broker = PreciseBroker()
    claims = [broker.claim() for _ in range(3)]
    assert [[unpack(claim.payload)["args"] for claim in some] for some in claims] == [
        [("first",)],
        [("second",)],
        [],
    ]


def test_start_is_claimed_ahead_because_it_waits_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    ahead = timedelta(seconds=2)  # long enough for a slow machine
    monkeypatch.setattr("taskqueue.broker.CLAIM_AHEAD", ahead)
    due = datetime.now(UTC) + ahead + timedelta(milliseconds=200)
    note_start.enqueue("you", at=due)
    broker = PreciseBroker(Queue.START.value)
    while not broker.claim(patience=PATIENCE):
        pass
    assert due - ahead <= datetime.now(UTC) < due


def test_broker_sleeps_until_the_message_is_due_and_never_gives_it_early() -> None:
    due = datetime.now(UTC) + timedelta(milliseconds=120)
    greet.enqueue("you", at=due)
    broker = PreciseBroker()
    while not broker.claim(patience=PATIENCE):
        pass
    assert datetime.now(UTC) >= due


def test_broker_that_shall_stop_does_not_wait() -> None:
    greet.enqueue("you")
    assert PreciseBroker().claim(patience=PATIENCE, unless=lambda: True) == []
    assert "owner" not in messages()[0]


def test_broker_told_to_stop_while_it_waits_takes_nothing() -> None:
    greet.enqueue("you", at=datetime.now(UTC) + timedelta(milliseconds=100))
    answers = iter([False, True])
    assert PreciseBroker().claim(patience=PATIENCE, unless=lambda: next(answers)) == []
    assert "owner" not in messages()[0]


def test_message_given_back_waits_without_its_former_owner() -> None:
    greet.enqueue("you")
    broker = PreciseBroker()
    (claim,) = broker.claim()
    broker.retry_after({claim.message_id: 30})
    (waiting,) = messages()
    assert (waiting.keys() & {"owner", "session"}, waiting["attempts"]) == (set(), 1)
    assert waiting["lock"] > (datetime.now(UTC) + timedelta(seconds=20)).replace(tzinfo=None)


def test_claimed_message_belongs_to_its_owner_until_it_is_released() -> None:
    """A living worker may hold a message for longer than `retry`. leases.py releases only messages of dead workers."""
    greet.enqueue("you")
    broker = PreciseBroker()
    assert len(broker.dequeue()) == 1
    collection(MESSAGES).update_one({}, {"$set": {"lock": datetime.now(UTC) - timedelta(hours=1)}})
    assert PreciseBroker().claim() == []
    release([broker.owner])
    assert len(PreciseBroker().claim()) == 1


def test_competing_brokers_claim_each_message_once() -> None:
    for number in range(100):
        greet.enqueue(str(number))
    claimed: list[str] = []

    def claim() -> None:
        broker = PreciseBroker()
        broker.owner = threading.current_thread().name  # each thread stands for a process
        while found := broker.dequeue():
            claimed.extend(unpack(payload)["args"][0] for _id, payload in found)

    threads = [threading.Thread(target=claim) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(claimed, key=int) == [str(number) for number in range(100)]


def test_django_qs_own_tasks_go_through_the_broker() -> None:
    async_task(greet.path, "you")
    ((message_id, payload),) = PreciseBroker().dequeue()
    assert (unpack(payload)["func"], unpack(payload)["args"]) == (greet.path, ("you",))
    get_broker().acknowledge(message_id)
    assert messages() == []


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (TransportError("x", permanent=True), True),
        (TransportError("x", permanent=False), False),
        (ProductError(), True),
        (Unavailable(), False),
        (KeyError("bug"), False),
    ],
)
def test_permanent_errors_are_told_from_transient_ones(error: Exception, expected: object) -> None:
    assert is_permanent(error) is expected


def test_permanent_failure_is_acknowledged_and_reported() -> None:
    package: dict[str, Any] = {"name": "fail_for_good", "group": "goal", "args": ("you",), "request_id": "mine"}
    reported: list[TaskOutcome] = []

    def listen(outcomes: Sequence[TaskOutcome], **_kwargs: object) -> None:
        reported.extend(outcome for outcome in outcomes if outcome.name == "fail_for_good")

    task_finished.connect(listen)
    pre_execute.send(sender="django_q", func=fail_for_good, task=package)
    with pytest.raises(TransportError):
        fail_for_good("you")
    package |= {"success": False, "result": "transport_error: no : Traceback (most recent call last)", "group": ""}
    post_execute_in_worker.send(sender="django_q", func=fail_for_good, task=package)
    task_finished.disconnect(listen)
    assert package["ack_failure"] is True
    assert reported == [
        TaskOutcome("fail_for_good", "", succeeded=False, detail="transport_error: no", request_id="mine")
    ]
