"""`POST /goals/{id}/redeliver`, and the admin's action: the same events again."""

import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from config.transactions import collection
from goals.models import Goal
from notifications.chunks import begin_attempt, write_outcomes
from notifications.ledger import State
from notifications.models import NotificationChunk, NotificationEvent
from notifications.tasks import batch_notify_stream_authorized, send_chunk
from sessions_app.models import Session
from showgoals.models import Contribution
from tests.factories.client import Answer, ApiClient
from tests.factories.documents import queued_messages, stored
from tests.factories.goals import ShowFundingGoalFactory, ShowGoalFactory
from tests.factories.people import UserFactory
from tests.notifications.conftest import Audience

pytestmark = pytest.mark.django_db

VIEWERS = 5
PRESETS = ("preview", "sd")


@pytest.fixture
def audience(live: Callable[[int], Audience], settings: Any) -> Audience:
    """A show whose events are planned, in three chunks a preset. The messages are gone: nothing is sent by itself."""
    settings.NOTIFY_CHUNK = 2
    audience = live(VIEWERS)
    batch_notify_stream_authorized(str(audience.show.pk), audience.funding_goal_id)
    collection("django_q_ormq").delete_many({})
    return audience


def redeliver(goal: Goal, body: Any, person: User) -> Answer:
    return ApiClient(person).post(f"/goals/{goal.pk}/redeliver", body)


def run_queue() -> None:
    """Run what waits, as a worker would."""
    for message in queued_messages("batch_notify_stream_authorized"):
        batch_notify_stream_authorized(*message.args)
    for message in queued_messages("send_chunk"):
        send_chunk(*message.args)
    collection("django_q_ormq").delete_many({})


def send_all() -> None:
    for chunk_id in NotificationChunk.objects.values_list("pk", flat=True):
        send_chunk(chunk_id)


def got(outbox: list[Any]) -> Counter[str]:
    return Counter(event.channel.rpartition(".")[2] for event in outbox)


def test_one_viewer_gets_both_events_again(audience: Audience, streamer: User, outbox: list[Any]) -> None:
    send_all()
    first = {event.channel: json.loads(event.data)["event_id"] for event in outbox}
    outbox.clear()

    answer = redeliver(audience.show, {"viewer_id": audience.viewers[3]}, streamer)
    assert (answer.status, answer.body) == (200, {"events": 2})
    assert len(queued_messages("send_chunk")) == 2
    assert NotificationEvent.objects.filter(sent_at=None).count() == 2
    run_queue()

    assert got(outbox) == Counter({audience.viewers[3]: 2})
    assert {event.channel: json.loads(event.data)["event_id"] for event in outbox}.items() <= first.items()
    assert all(chunk.ledger.is_sent for chunk in NotificationChunk.objects.all())
    assert NotificationEvent.objects.filter(sent_at=None).count() == 0
    rows = [(row["outcome"], row["detail"]) for row in stored("goal_timeline", kind="delivery")]
    assert rows[-5:] == [
        ("redelivery", "2 events"),
        ("sent", "preview: 1 viewers"),
        ("all_sent", "preview: 5 viewers in 3 chunks"),
        ("sent", "sd: 1 viewers"),
        ("all_sent", "sd: 5 viewers in 3 chunks"),
    ]


def test_all_that_was_not_sent_goes_out(audience: Audience, streamer: User, outbox: list[Any]) -> None:
    sent, refused, left, *_ = NotificationChunk.objects.filter(preset="sd").order_by("first")
    send_chunk(sent.pk)
    chunk = begin_attempt(refused.pk, now=datetime.now(UTC))
    write_outcomes(chunk, {0: State.FAILED, 1: State.UNKNOWN}, now=datetime.now(UTC))
    outbox.clear()

    answer = redeliver(audience.show, {}, streamer)
    assert (answer.status, answer.body) == (200, {"events": VIEWERS + 3})
    run_queue()
    assert got(outbox) == Counter(audience.viewers) + Counter(audience.viewers[2:])
    assert left.pk in [message["_id"] for message in stored("notification_chunks", preset="sd")]
    assert redeliver(audience.show, {}, streamer).body == {"events": 0}
    run_queue()
    assert got(outbox).total() == VIEWERS + 3


def test_late_payer_is_folded_and_planned(audience: Audience, streamer: User, viewer: User, outbox: list[Any]) -> None:
    send_all()
    outbox.clear()
    Contribution.objects.create(
        funding_goal_id=audience.funding_goal_id,
        viewer_id=str(viewer.pk),
        amount=5,
        key="late",
        created_at=timezone.now(),
    )
    assert redeliver(audience.show, {"viewer_id": str(viewer.pk)}, streamer).body == {"events": 2}
    run_queue()
    run_queue()
    assert got(outbox) == Counter({str(viewer.pk): 2})
    session_id = audience.show.conditions.session_id
    assert ApiClient(viewer).get(f"/sessions/{session_id}/token").body["preset"] == "sd"


def test_redelivery_during_an_attempt_goes_out_after_it(audience: Audience, streamer: User, outbox: list[Any]) -> None:
    """The attempt has sent the event, but before it was asked for again."""
    chunk = NotificationChunk.objects.filter(preset="sd").order_by("first").first()
    assert chunk is not None
    begun = begin_attempt(chunk.pk, now=datetime.now(UTC))
    redeliver(audience.show, {"viewer_id": audience.viewers[0]}, streamer)
    write_outcomes(begun, {0: State.SENT, 1: State.SENT}, now=datetime.now(UTC))

    assert NotificationChunk.objects.get(pk=chunk.pk).ledger.states == "rs"
    send_chunk(chunk.pk)
    assert got(outbox) == Counter({audience.viewers[0]: 1})


def test_redelivery_is_of_the_access_as_it_is_now(audience: Audience, streamer: User, outbox: list[Any]) -> None:
    later = audience.show.window[0] + timedelta(seconds=30)
    collection("goals").update_one({"_id": audience.show.pk}, {"$set": {"context.started": later}})
    assert redeliver(audience.show, {}, streamer).body == {"events": 0}
    run_queue()
    run_queue()
    exp = int(later.timestamp()) + 60
    assert {json.loads(event.data)["exp"] for event in outbox} == {exp}
    assert got(outbox) == Counter(audience.viewers * 2)


@pytest.mark.parametrize("who", ["owner", "staff"])
def test_owner_and_staff_may_redeliver(audience: Audience, streamer: User, who: str) -> None:
    person = streamer if who == "owner" else UserFactory(is_staff=True)
    assert redeliver(audience.show, {}, person).status == 200


def test_others_may_not_redeliver(audience: Audience, viewer: User, streamer: User) -> None:
    body = {"viewer_id": str(viewer.pk)}
    assert redeliver(audience.show, body, viewer).problem == (404, "goal_not_found", [])
    assert ApiClient(streamer).post(f"/goals/{ObjectId()}/redeliver", body).problem == (404, "goal_not_found", [])
    assert ApiClient(streamer).post("/goals/zzz/redeliver", body).problem == (404, "not_found", [])
    assert ApiClient().post(f"/goals/{audience.show.pk}/redeliver", body).problem == (401, "not_authenticated", [])
    assert queued_messages("send_chunk") == []


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"viewer_id": "zzz"}, (400, "invalid", [("/viewer_id", "invalid_id")])),
        ({"viewer_id": None}, (400, "invalid", [("/viewer_id", "null")])),
        ({"viewer_id": str(ObjectId())}, (404, "viewer_not_found", [])),
        ({"viewers": []}, (400, "unknown_field", [("/viewers", "unknown_field")])),
        ([], (400, "invalid", [("", "invalid_type")])),
    ],
)
def test_bad_redelivery_is_refused(audience: Audience, streamer: User, body: Any, problem: Any) -> None:
    assert redeliver(audience.show, body, streamer).problem == problem
    assert queued_messages("send_chunk") == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"activated_at": None}, "not_started"),
        ({"activated_at": None, "cancelled_at": datetime.now(UTC), "active": False}, "not_started"),
        ({"exp": datetime.now(UTC), "active": False}, "already_ended"),
        ({"nbf": datetime.now(UTC) - timedelta(hours=1), "context.started": None}, "already_ended"),
    ],
    ids=["scheduled", "cancelled", "ended", "access over"],
)
def test_only_a_live_show_is_redelivered(audience: Audience, streamer: User, change: Any, code: str) -> None:
    collection("goals").update_one({"_id": audience.show.pk}, {"$set": change})
    for body in ({}, {"viewer_id": audience.viewers[0]}):
        assert redeliver(audience.show, body, streamer).problem == (409, code, [])


def test_funding_goal_never_starts(session: Session, streamer: User) -> None:
    assert redeliver(ShowFundingGoalFactory(session=session), {}, streamer).problem == (409, "not_started", [])


def test_admin_redelivers_what_was_not_sent(audience: Audience, session: Session, outbox: list[Any]) -> None:
    waiting = ShowGoalFactory(
        funding_goal=ShowFundingGoalFactory(session=session, closed=True), nbf=timezone.now() + timedelta(hours=2)
    )
    admin = Client()
    admin.force_login(User.objects.create_superuser("admin", password="secret"))
    selected = {"action": "redeliver", "_selected_action": [audience.show.pk, waiting.pk]}
    answer: Any = admin.post(reverse("admin:goals_goal_changelist"), selected, follow=True)

    assert sorted(str(message) for message in answer.context["messages"]) == sorted(
        [f"{audience.show}: {2 * VIEWERS} events go out again.", f"{waiting}: The show has not started."]
    )
    assert b"Redeliver what was not sent" in answer.content
    run_queue()
    assert got(outbox) == Counter(audience.viewers * 2)
