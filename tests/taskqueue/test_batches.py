"""A worker takes the due calls of one bulk task together, up to the task's limits."""

import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django_q.tasks import async_task  # noqa: TID251 - messages without a name

from goals.tasks import deactivate_goal
from mongodb.collections import collection
from notifications.tasks import batch_notify_stream_authorized, notify_goal, notify_late_payers, notify_progress
from showgoals.settlement.tasks import lapse_funding_goal
from showgoals.tasks import fold_contributions
from taskqueue.batches import choose
from taskqueue.broker import LOOK_PAST_HELD_SECONDS, PreciseBroker
from taskqueue.durable import DurableTask
from taskqueue.messages import MESSAGES
from taskqueue.packages import unpack
from taskqueue.queues import Queue
from tests.factories.documents import stored
from tests.factories.moments import NOW, as_stored
from tests.taskqueue.tasks import HEAVIEST, MOST, note, note_at_commit, note_each
from tests.taskqueue.transactions import deleted_in_open_transaction

SECOND = timedelta(seconds=1)
A, B = "6811bfd5d273022b46570ae5", "6811bfd5d273022b46570ae6"


def found(*messages: dict[str, Any]) -> list[dict[str, Any]]:
    """Return messages as a worker finds them in the queue. By default they are calls of `note_each` and due now."""
    return [
        {"_id": number, "lock": as_stored(NOW), "name": "note_each", **each} for number, each in enumerate(messages)
    ]


def chosen(*messages: dict[str, Any]) -> list[int]:
    """Return the positions of the messages that a worker takes together with the first one."""
    return [message["_id"] for message in choose(found(*messages), now=NOW)]


def claimed(broker: PreciseBroker, **how: Any) -> list[str]:
    """Claim once and return the first argument of each message."""
    return [unpack(claim.payload)["args"][0] for claim in broker.claim(**how)]


@pytest.mark.parametrize(
    ("messages", "together"),
    [
        ([{}] * (MOST + 2), range(MOST)),
        ([{"weight": 9}, {"weight": 9}, {"weight": 9}], [0, 1]),
        ([{"weight": HEAVIEST - 1}, {}, {}], [0, 1]),
        ([{"weight": HEAVIEST + 9}, {}], [0]),
        ([{}, {"weight": HEAVIEST + 9}, {}], [0]),
        ([{}, {"name": "note"}, {"name": "note_at_commit"}, {}], [0, 3]),
        ([{"name": "note"}, {"name": "note"}], [0]),
        ([{"name": "of_a_later_release"}, {"name": "of_a_later_release"}], [0]),
        ([{"name": ""}, {"name": ""}], [0]),
        ([{}, {"alone": True}, {}], [0, 2]),
        ([{"alone": True}, {}], [0]),
        ([{}, {"lock": as_stored(NOW + SECOND)}, {}], [0, 2]),
        ([{"lock": as_stored(NOW + SECOND)}, {"lock": as_stored(NOW + SECOND)}], [0, 1]),
        ([{"lock": as_stored(NOW + SECOND)}, {"lock": as_stored(NOW + 2 * SECOND)}], [0]),
    ],
    ids=[
        "as many as it may take",
        "up to a weight",
        "exactly the weight",
        "one that is too heavy",
        "none beyond a heavy one",
        "of the same task",
        "none of a task that takes one",
        "none of an unknown task",
        "none without a name",
        "none that is to be alone",
        "none with one that is to be alone",
        "none that is due later",
        "those claimed ahead for the same moment",
        "none claimed ahead for another moment",
    ],
)
def test_messages_that_are_taken_together(messages: list[dict[str, Any]], together: Iterable[int]) -> None:
    assert chosen(*messages) == list(together)


def test_messages_of_earlier_releases_without_a_name_are_taken_alone() -> None:
    nameless = [{"_id": number, "lock": as_stored(NOW)} for number in range(2)]
    assert choose(nameless, now=NOW) == nameless[:1]


@pytest.mark.django_db
def test_batches_are_claimed_in_the_order_in_which_they_are_due() -> None:
    now = datetime.now(UTC)
    for number in reversed(range(MOST + 2)):
        note_each.enqueue(f"{number}", at=now - (60 - number) * SECOND)
    note.enqueue("single", at=now - 58 * SECOND)
    note_each.enqueue("later", at=now + 60 * SECOND)
    broker = PreciseBroker()

    batches = [claimed(broker) for _ in range(4)]

    assert batches == [[f"{number}" for number in range(MOST)], ["single"], ["10", "11"], []]
    first = stored(MESSAGES, attempts=1)
    assert len(first) == MOST + 3
    assert {message["owner"] for message in first} == {broker.owner}


@pytest.mark.django_db
def test_tasks_of_a_lower_rank_come_first() -> None:
    """`notify_progress` waits for `notify_goal`, even if it has been due for longer."""
    for task, argument, age in ((notify_progress, "p", 9), (notify_goal, "a", 2), (notify_progress, "q", 8)):
        task.enqueue(argument, at=datetime.now(UTC) - age * SECOND)
    notify_goal.enqueue("b", at=datetime.now(UTC) - SECOND)
    broker = PreciseBroker(Queue.TELL.value)

    assert [claimed(broker) for _ in range(3)] == [["a", "b"], ["p", "q"], []]


@pytest.mark.django_db
@pytest.mark.parametrize("other", [deactivate_goal, lapse_funding_goal, fold_contributions, notify_late_payers, note])
def test_audience_of_a_start_is_planned_before_all_else(other: DurableTask) -> None:
    """When shows start on the hour, hundreds of others end and funding goals lapse at the same moment."""
    other.enqueue("other", at=datetime.now(UTC) - 60 * SECOND)
    batch_notify_stream_authorized.enqueue("start", at=datetime.now(UTC) - SECOND)
    broker = PreciseBroker()

    assert [claimed(broker) for _ in range(2)] == [["start"], ["other"]]


@pytest.mark.django_db
def test_tasks_that_take_one_call_have_the_usual_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such tasks and bulk tasks of the same rank are claimed in the order of their due times."""
    monkeypatch.setattr(note_each, "rank", 2)
    for task, argument, age in ((note_each, "last", 9), (note_at_commit, "third", 3), (note, "second", 4)):
        task.enqueue(argument, at=datetime.now(UTC) - age * SECOND)
    async_task(note.path, "first")
    collection(MESSAGES).update_one({"name": None}, {"$set": {"lock": datetime.now(UTC) - 5 * SECOND}})
    broker = PreciseBroker()

    assert [claimed(broker) for _ in range(4)] == [["first"], ["second"], ["third"], ["last"]]


@pytest.mark.django_db
def test_lanes_are_apart() -> None:
    note_each.enqueue("a")
    notify_goal.enqueue("b")
    lanes = {lane: PreciseBroker(lane.value) for lane in Queue}

    assert {lane.name: claimed(broker) for lane, broker in lanes.items()} == {
        "START": [],
        "WORK": ["a"],
        "TELL": ["b"],
        "AUDIENCE": [],
        "RECORD": [],
        "WEBHOOK": [],
    }


@pytest.mark.django_db
@pytest.mark.parametrize("places", [[0], [3], [0, 4, 7], range(8)], ids=["first", "middle", "several", "all"])
def test_claim_takes_all_but_the_held_messages(places: Iterable[int]) -> None:
    """The claim tries ever smaller parts of the batch."""
    names = [f"{number}" for number in range(8)]
    held = [names[place] for place in places]
    for name in names:
        note_each.enqueue(name, subject=A if name in held else B)
    broker = PreciseBroker()
    began = time.monotonic()

    with deleted_in_open_transaction(subject=A):
        free = claimed(broker, patience=SECOND / 20)
        assert (free, claimed(broker)) == ([name for name in names if name not in held], [])
        assert time.monotonic() - began < 2.5  # MongoDB would abort the transaction after 5 s
    time.sleep(LOOK_PAST_HELD_SECONDS)
    assert claimed(broker) == held
    assert {message["attempts"] for message in stored(MESSAGES)} == {1}
