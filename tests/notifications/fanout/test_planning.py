"""Planning runs in bounded transactions, is resumed after a crash, and may run twice at the same time."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from bson import ObjectId

from mongodb.collections import collection
from mongodb.transactions import run_in_transaction
from notifications.fanout.audience import Audience, Senders, ViewerEvent, pack_audience
from notifications.fanout.ledger import packed
from notifications.fanout.planning import plan_audiences
from notifications.models import NotificationEvent
from notifications.tasks import send_chunk
from taskqueue.calls import Call
from tests.factories.documents import queued_messages, stored
from tests.factories.threads import at_once
from tests.notifications.steps import chunks_with_messages, ids, planned_viewers

pytestmark = pytest.mark.django_db

# Not a fixed moment, because the server deletes chunks that are a month old.
NOW = datetime.now(UTC).replace(microsecond=0)
EVENT = ViewerEvent(
    goal_id=str(ObjectId()),
    streamer_id=str(ObjectId()),
    name="stream.authorized",
    preset="preview",
    payload={"event_id": "5f0c6a3e-6d2c-5d0a-9a39-3f3f7a3f0b11"},
)
ONE_A_CHUNK = 250  # the planning of this many viewers takes three transactions if each chunk holds one viewer


class DyingQueue:
    """Takes `lives` messages, and then kills the planner."""

    def __init__(self, lives: int) -> None:
        self.lives = lives

    def enqueue(self, chunk_id: str, **options: Any) -> None:
        """Enqueue the message. Raise MemoryError instead if no lives are left."""
        if self.lives == 0:
            raise MemoryError
        self.lives -= 1
        send_chunk.enqueue(chunk_id, **options)


def plan(viewers: list[str], *events: ViewerEvent, send: Any = send_chunk) -> int:
    (added,) = plan_audiences(
        [Audience(events or [EVENT], packed(viewers), Call(()))], senders=Senders(send, send), now=NOW
    )
    return added


def test_chunk_holds_its_viewers_packed_and_no_token(settings: Any) -> None:
    settings.NOTIFY_CHUNK = 2
    viewers = ids(3)
    assert plan(viewers) == 3

    first, second = stored("notification_chunks")
    moment = NOW.replace(tzinfo=None)
    common = {
        "event_id": EVENT.event_id,
        "goal_id": EVENT.goal_id,
        "streamer_id": EVENT.streamer_id,
        "name": "stream.authorized",
        "preset": "preview",
        "payload": EVENT.payload,
        "attempts": 0,
        "planned_at": moment,
        "last_attempt_at": None,
        "settled_at": [],
        "sent_at": None,
    }
    assert first == common | {
        "_id": f"{EVENT.event_id}:0",
        "first": viewers[0],
        "last": viewers[1],
        "viewers": bytes.fromhex(viewers[0] + viewers[1]),
        "states": "pp",
        "marked_in": b"\0\0",
    }
    assert (second["_id"], second["first"], second["last"]) == (f"{EVENT.event_id}:1", viewers[2], viewers[2])
    (event,) = stored("notification_events")
    assert event == {
        "_id": EVENT.event_id,
        "goal_id": EVENT.goal_id,
        "name": "stream.authorized",
        "preset": "preview",
        "chunks": 2,
        "viewers": 3,
        "planned_at": moment,
        "sent_at": None,
    }


def test_planner_that_dies_is_resumed(settings: Any) -> None:
    settings.NOTIFY_CHUNK = 1
    viewers = ids(ONE_A_CHUNK)
    with pytest.raises(MemoryError):
        plan(viewers, send=DyingQueue(lives=100))
    assert (planned_viewers(), chunks_with_messages()) == (viewers[:100], True)
    assert NotificationEvent.objects.get().planned_at is None

    assert plan(viewers) == ONE_A_CHUNK - 100
    assert (planned_viewers(), chunks_with_messages()) == (viewers, True)
    event = NotificationEvent.objects.get()
    assert (event.chunks, event.viewers, event.planned_at) == (ONE_A_CHUNK, ONE_A_CHUNK, NOW)


def test_small_audience_is_planned_for_both_events_or_for_none() -> None:
    sd = replace(EVENT, preset="sd", payload={"event_id": "0b8a55f5-5d1f-5b52-8d0c-0b6f4b0d9a11"})
    viewers = ids(3)
    with pytest.raises(MemoryError):
        plan(viewers, EVENT, sd, send=DyingQueue(lives=1))
    assert [stored(name) for name in ("notification_events", "notification_chunks", "django_q_ormq")] == [[], [], []]

    assert plan(viewers, EVENT, sd) == 6
    assert (planned_viewers(), chunks_with_messages()) == (sorted(viewers * 2), True)
    assert set(NotificationEvent.objects.values_list("preset", "planned_at")) == {("preview", NOW), ("sd", NOW)}


def test_event_that_is_not_planned_completely_is_not_marked_sent(settings: Any, outbox: list[Any]) -> None:
    settings.NOTIFY_CHUNK = 1
    with pytest.raises(MemoryError):
        plan(ids(101), send=DyingQueue(lives=100))
    collection("notification_chunks").update_many({}, {"$set": {"name": "goal.cancelled"}})
    show = {"_id": ObjectId(EVENT.goal_id), "_cls": "ShowGoal", "cancelled_at": NOW, "context": {}}
    collection("goals").insert_one(show)
    for message in queued_messages("send_chunk"):
        send_chunk(*message.args)

    assert len(outbox) == 100
    assert NotificationEvent.objects.get().sent_at is None


def test_planning_again_plans_nothing(settings: Any) -> None:
    viewers = ids(5)
    assert (plan(viewers), plan(viewers)) == (5, 0)
    assert (planned_viewers(), chunks_with_messages()) == (viewers, True)


def test_two_planners_at_once_plan_everybody_once(settings: Any) -> None:
    settings.NOTIFY_CHUNK = 1
    viewers = ids(ONE_A_CHUNK)
    at_once([lambda: plan(viewers)] * 3)
    assert (planned_viewers(), chunks_with_messages()) == (viewers, True)
    event = NotificationEvent.objects.get()
    assert (event.chunks, event.viewers) == (ONE_A_CHUNK, ONE_A_CHUNK)


def test_empty_audience_stores_nothing(db: None) -> None:
    assert plan([]) == 0
    assert stored("notification_events") == []


def test_planning_refuses_an_open_transaction(db: None) -> None:
    """Planning opens its own transactions, because the task that calls it has none."""
    with pytest.raises(RuntimeError):
        run_in_transaction(lambda: plan(ids(1)))


def test_packing_an_audience_sorts_it(db: None) -> None:
    viewers = ids(3)
    assert pack_audience(EVENT.goal_id, reversed(viewers)) == bytes.fromhex("".join(viewers))
