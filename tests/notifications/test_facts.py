"""A recurring fact is a new event, a superseded event is not sent, and everybody whom an event concerns is told."""

import json
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId
from django.contrib.auth.models import User
from time_machine import Traveller

from goals.models import Goal
from goals.tasks import activate_goal
from mongodb.collections import collection
from notifications.models import NotificationChunk
from notifications.tasks import batch_notify_payers, batch_notify_stream_authorized, notify_goal, send_chunk
from tests.factories.client import ApiClient
from tests.factories.documents import queued_messages, stored
from tests.factories.goals import HOUR, ShowGoalFactory
from tests.factories.moments import SECONDS, WHOLE
from tests.properties.queue import work_off

pytestmark = pytest.mark.django_db

NBF = WHOLE + HOUR
NBF_SECONDS = SECONDS + 3600


@pytest.fixture
def waiting(clock: Traveller, funding_goal: Goal) -> Goal:
    """A show with one payer that starts in an hour. The event of its creation has been sent."""
    show = ShowGoalFactory(funding_goal=funding_goal, nbf=NBF)
    work_off(now=WHOLE + timedelta(seconds=2))
    return show


def told(outbox: list[Any], channel: str) -> list[dict[str, Any]]:
    """Return the name and the data of each event on channels with this text in their names."""
    return [{"name": event.name, **json.loads(event.data)} for event in outbox if channel in event.channel]


def facts(outbox: list[Any], channel: str) -> list[tuple[Any, ...]]:
    return [(data["name"], data.get("reason"), data["version"], data["nbf"]) for data in told(outbox, channel)]


def deliver(now: datetime = NBF - timedelta(seconds=1)) -> None:
    work_off(now=now)


def outcomes(show: Goal) -> Counter[tuple[str, str]]:
    rows = stored("goal_timeline", goal_id=str(show.pk), kind="delivery")
    return Counter((row["name"], row["outcome"]) for row in rows)


def test_second_cancellation_is_told_to_everybody(waiting: Goal, streamer: User, outbox: list[Any]) -> None:
    client = ApiClient(streamer)
    for call, body in (("cancel", None), ("move", {"nbf": NBF_SECONDS}), ("cancel", None)):
        path = f"/goals/{waiting.pk}"
        answer = client.patch(path, body) if call == "move" else client.post(f"{path}/cancel", body)
        assert answer.status == 200
        deliver()

    expected = [
        ("goal.cancelled", "cancelled", 2, NBF_SECONDS),
        ("goal.updated", "revived", 3, NBF_SECONDS),
        ("goal.cancelled", "cancelled", 4, NBF_SECONDS),
    ]
    assert facts(outbox, ".preview.") == expected
    assert facts(outbox, "private-user@")[-3:] == expected
    for channel in (".preview.", "private-user@"):
        ids = [data["event_id"] for data in told(outbox, channel)]
        assert len(set(ids)) == len(ids)


def test_each_move_there_and_back_is_a_new_fact(waiting: Goal, streamer: User, outbox: list[Any]) -> None:
    for hours in (2, 1, 2, 1):
        assert ApiClient(streamer).patch(f"/goals/{waiting.pk}", {"nbf": SECONDS + hours * 3600}).status == 200
        deliver()

    assert facts(outbox, ".preview.") == [
        ("goal.updated", "moved", version, SECONDS + hours * 3600)
        for version, hours in enumerate((2, 1, 2, 1), start=2)
    ]
    assert len({data["event_id"] for data in told(outbox, ".preview.")}) == 4


def test_change_without_effect_sends_no_event(waiting: Goal, streamer: User, outbox: list[Any]) -> None:
    before, rows = queued_messages(), len(stored("goal_timeline"))
    level = {"title": "Proceed", "target": 60}
    for body in ({"nbf": NBF_SECONDS}, {"levels": [level]}, {"nbf": NBF_SECONDS, "levels": [level]}):
        answer = ApiClient(streamer).patch(f"/goals/{waiting.pk}", body)
        assert (answer.status, answer.body["version"]) == (200, 1)
    assert (queued_messages(), len(stored("goal_timeline"))) == (before, rows)


def test_old_cancellation_does_not_reach_a_live_show(
    waiting: Goal, streamer: User, clock: Traveller, outbox: list[Any]
) -> None:
    """Pusher is away while the show is cancelled and revived, and comes back after its start."""
    client = ApiClient(streamer)
    assert client.post(f"/goals/{waiting.pk}/cancel").status == 200
    assert client.patch(f"/goals/{waiting.pk}", {"nbf": NBF_SECONDS + 60}).status == 200
    outbox.clear()
    clock.move_to(NBF + timedelta(seconds=60))
    activate_goal(str(waiting.pk), NBF_SECONDS + 60)
    deliver(NBF + timedelta(seconds=61))

    names = {(data["name"], data["version"]) for data in told(outbox, "@")}
    assert names == {("goal.started", 4), ("stream.authorized", 4)}
    superseded = {name: count for (name, outcome), count in outcomes(waiting).items() if outcome == "superseded"}
    assert superseded == {"goal.cancelled": 2, "goal.updated": 2}


def test_cancellation_that_is_planned_but_not_sent_is_superseded_by_a_revival(
    waiting: Goal, streamer: User, outbox: list[Any]
) -> None:
    client = ApiClient(streamer)
    client.post(f"/goals/{waiting.pk}/cancel")
    for message in queued_messages("batch_notify_payers"):
        assert batch_notify_payers(*message.args) == "planned"
    client.patch(f"/goals/{waiting.pk}", {"nbf": NBF_SECONDS})
    outbox.clear()
    deliver()

    assert facts(outbox, ".preview.") == [("goal.updated", "revived", 3, NBF_SECONDS)]
    (chunk,) = NotificationChunk.objects.filter(name="goal.cancelled")
    assert (chunk.ledger.states, chunk.sent_at is not None) == ("o", True)


def test_move_reaches_the_payers_although_the_length_has_changed_since(
    waiting: Goal, streamer: User, outbox: list[Any]
) -> None:
    """Payers are not told of the length. The streamer's channels get the newer event instead."""
    client = ApiClient(streamer)
    client.patch(f"/goals/{waiting.pk}", {"nbf": NBF_SECONDS + 60})
    client.patch(f"/goals/{waiting.pk}", {"levels": [{"title": "Longer", "target": 90}]})
    outbox.clear()
    deliver()

    assert facts(outbox, ".preview.") == [("goal.updated", "moved", 2, NBF_SECONDS + 60)]
    assert facts(outbox, "private-user@") == [("goal.updated", "changed", 3, NBF_SECONDS + 60)]


def test_message_holds_what_was_true_when_it_was_announced(waiting: Goal, streamer: User, outbox: list[Any]) -> None:
    client = ApiClient(streamer)
    client.post(f"/goals/{waiting.pk}/cancel")
    (message,) = queued_messages("notify_goal")
    outbox.clear()
    collection("goals").update_one({"_id": waiting.pk}, {"$set": {"nbf": NBF + HOUR}})
    assert notify_goal(*message.args) == "sent"
    assert facts(outbox, "private-user@") == [("goal.cancelled", "cancelled", 2, NBF_SECONDS)]


def test_redelivery_is_counted_for_each_viewer(
    waiting: Goal, streamer: User, viewer: User, clock: Traveller, outbox: list[Any]
) -> None:
    clock.move_to(NBF)
    activate_goal(str(waiting.pk), NBF_SECONDS)
    for _ in range(3):
        deliver(NBF + timedelta(seconds=1))
        ApiClient(streamer).post(f"/goals/{waiting.pk}/redeliver", {"viewer_id": str(viewer.pk)})
    deliver(NBF + timedelta(seconds=1))

    for channel in (".preview.", ".sd."):
        events = told(outbox, channel)
        assert [data.get("redelivery") for data in events] == [None, 1, 2, 3]
        assert len({data["event_id"] for data in events}) == 1


def test_retry_of_the_queue_keeps_the_number_of_the_redelivery(
    waiting: Goal, streamer: User, viewer: User, clock: Traveller, outbox: list[Any]
) -> None:
    clock.move_to(NBF)
    activate_goal(str(waiting.pk), NBF_SECONDS)
    deliver(NBF + timedelta(seconds=1))
    ApiClient(streamer).post(f"/goals/{waiting.pk}/redeliver", {"viewer_id": str(viewer.pk)})
    chunks = [str(message.args[0]) for message in queued_messages("send_chunk")]
    outbox.clear()
    for _attempt in range(2):
        collection("notification_chunks").update_many({}, {"$set": {"states": "u"}})  # Pusher's response was lost
        for chunk in chunks:
            send_chunk(chunk)

    assert [data["redelivery"] for data in told(outbox, "@")] == [1] * 4


def test_redelivery_with_nothing_to_send_queues_nothing(
    waiting: Goal, streamer: User, clock: Traveller, outbox: list[Any]
) -> None:
    clock.move_to(NBF)
    activate_goal(str(waiting.pk), NBF_SECONDS)
    deliver(NBF + timedelta(seconds=1))
    before, rows = queued_messages(), len(stored("goal_timeline"))

    answer = ApiClient(streamer).post(f"/goals/{waiting.pk}/redeliver", {})

    assert (answer.status, answer.body) == (200, {"events": 0})
    assert (queued_messages(), len(stored("goal_timeline"))) == (before, rows)


def test_redelivery_does_not_count_whom_no_event_can_reach(
    waiting: Goal, streamer: User, clock: Traveller, outbox: list[Any]
) -> None:
    malformed = {"breakdown.not-an-id.amount": 5, "breakdown.67CEABECC82B8FD6CF63D6D6.amount": 5}
    collection("goals").update_one({"_id": ObjectId(waiting.context.funding_goal_id)}, {"$set": malformed})
    clock.move_to(NBF)
    activate_goal(str(waiting.pk), NBF_SECONDS)
    deliver(NBF + timedelta(seconds=1))

    assert ApiClient(streamer).post(f"/goals/{waiting.pk}/redeliver", {}).body == {"events": 0}


def test_one_redelivery_of_a_show_runs_at_a_time(
    waiting: Goal, streamer: User, clock: Traveller, outbox: list[Any]
) -> None:
    clock.move_to(NBF)
    activate_goal(str(waiting.pk), NBF_SECONDS)
    batch_notify_stream_authorized(str(waiting.pk), waiting.context.funding_goal_id, 2, NBF_SECONDS + 60)
    messages = len(queued_messages("send_chunk"))

    answer = ApiClient(streamer).post(f"/goals/{waiting.pk}/redeliver", {})

    assert answer.problem == (409, "redelivery_in_progress", [])
    assert len(queued_messages("send_chunk")) == messages


@pytest.mark.parametrize("when", ["before the start", "between planning and sending"])
def test_viewer_whose_account_is_closed_gets_no_credentials(
    when: str, waiting: Goal, viewer: User, clock: Traveller, outbox: list[Any]
) -> None:
    outbox.clear()
    clock.move_to(NBF)
    activate_goal(str(waiting.pk), NBF_SECONDS)
    if when == "between planning and sending":
        batch_notify_stream_authorized(str(waiting.pk), waiting.context.funding_goal_id, 2, NBF_SECONDS + 60)
    User.objects.filter(pk=viewer.pk).update(is_active=False)
    deliver(NBF + timedelta(seconds=1))

    assert told(outbox, "presence-stream-viewer@") == []
    assert [chunk.ledger.states for chunk in NotificationChunk.objects.all()] == ["x", "x"]
    assert outcomes(waiting)["stream.authorized", "excluded"] == 2


def test_viewers_who_are_left_at_the_end_are_settled(
    waiting: Goal, streamer: User, clock: Traveller, outbox: list[Any]
) -> None:
    """The queue has given up sending to these viewers, so no message is left that could settle them."""
    clock.move_to(NBF)
    activate_goal(str(waiting.pk), NBF_SECONDS)
    batch_notify_stream_authorized(str(waiting.pk), waiting.context.funding_goal_id, 2, NBF_SECONDS + 60)
    collection("django_q_ormq").delete_many({})
    assert ApiClient(streamer).post(f"/sessions/{waiting.conditions.session_id}/end", {}).status == 200
    deliver(NBF + timedelta(seconds=1))

    chunks = NotificationChunk.objects.all()
    assert [(chunk.ledger.states, chunk.sent_at is not None) for chunk in chunks] == [("e", True)] * 2
    assert outcomes(waiting)["stream.authorized", "expired"] == 2


def test_message_without_a_version_is_understood(waiting: Goal, streamer: User, outbox: list[Any]) -> None:
    """Old code has stored a goal without a version, and queued a message without data."""
    goals = collection("goals")
    goals.update_one({"_id": waiting.pk}, {"$unset": {"version": "", "cancelled_version": "", "moved_version": ""}})
    outbox.clear()
    assert notify_goal("goal.added", str(waiting.pk)) == "sent"
    assert [data["version"] for data in told(outbox, "private-user@")] == [1]
    answer = ApiClient(streamer).patch(f"/goals/{waiting.pk}", {"nbf": NBF_SECONDS + 60})
    assert (answer.body["version"], goals.find_one({"_id": waiting.pk})["version"]) == (2, 2)


def test_access_that_old_code_has_moved_is_planned_anew(waiting: Goal, clock: Traveller, outbox: list[Any]) -> None:
    """During a deployment, old code moves the access without a new version, and queues a message without a version."""
    clock.move_to(NBF)
    activate_goal(str(waiting.pk), NBF_SECONDS)
    deliver(NBF + timedelta(seconds=1))
    outbox.clear()
    collection("goals").update_one({"_id": waiting.pk}, {"$set": {"context.started": NBF + timedelta(seconds=20)}})
    for outcome in ("planned", "nothing_to_plan"):
        assert batch_notify_stream_authorized(str(waiting.pk), waiting.context.funding_goal_id) == outcome
    deliver(NBF + timedelta(seconds=21))

    events = told(outbox, "presence-stream-viewer@")
    assert [(data["version"], data["exp"]) for data in events] == [(3, NBF_SECONDS + 80)] * 2
