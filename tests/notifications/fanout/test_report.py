"""`GET /goals/{id}/viewers/{viewer_id}` reports why a viewer was let in or not."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId
from django.contrib.auth.models import User
from django.utils import timezone

from goals.event_ids import event_id
from goals.models import Goal
from mongodb.collections import collection
from notifications.models import NotificationChunk
from notifications.tasks import batch_notify_stream_authorized, send_chunk
from sessions_app.models import Session
from tests.conftest import FailCommand
from tests.factories.client import ApiClient
from tests.factories.goals import ContributionFactory, ShowFundingGoalFactory, ShowGoalFactory
from tests.factories.people import StaffFactory, UserFactory
from tests.factories.profiler import profiled
from tests.notifications.conftest import Audience

pytestmark = pytest.mark.django_db


def plan(show: Goal) -> None:
    batch_notify_stream_authorized(str(show.pk), show.context.funding_goal_id)


def path(goal: Goal, viewer: User) -> str:
    return f"/goals/{goal.pk}/viewers/{viewer.pk}"


def report(goal: Goal, viewer: User) -> Any:
    answer = ApiClient(viewer).get(path(goal, viewer))
    assert answer.status == 200
    return answer.body


def milliseconds(moment: Any) -> int:
    return int(moment.timestamp() * 1000)


def event(show: Goal, preset: str, **known: Any) -> dict[str, Any]:
    chunk = NotificationChunk.objects.get(preset=preset)
    return {
        "event_id": event_id(str(show.pk), "stream.authorized", 2, preset=preset),
        "preset": preset,
        "state": "planned",
        "attempts": 0,
        "planned_at_ms": milliseconds(chunk.planned_at),
        "sent_at_ms": None,
        "received_at_ms": None,
        **known,
    }


def test_viewer_who_was_let_in_sees_each_step(show: Goal, viewer: User, outbox: list[Any]) -> None:
    plan(show)
    send_chunk(NotificationChunk.objects.get(preset="sd").pk)
    before = milliseconds(timezone.now())
    for _ in range(2):
        assert ApiClient(viewer).get(f"/sessions/{show.conditions.session_id}/token").body["preset"] == "sd"
    body = report(show, viewer)

    fetched = body.pop("credentials_fetched")
    sent_at = NotificationChunk.objects.get(preset="sd").sent_at
    assert body == {
        "viewer_id": str(viewer.pk),
        "goal_id": str(show.pk),
        "code": "credentials_fetched",
        "explanation": "The show is live, and this viewer has fetched credentials.",
        "outcome": "pending",
        "paid": {"amount": 5},
        "listed": True,
        "events": [
            event(show, "preview"),
            event(show, "sd", state="sent", attempts=1, sent_at_ms=milliseconds(sent_at)),
        ],
    }
    assert fetched["count"] == 2
    assert before <= fetched["first_at_ms"] <= fetched["last_at_ms"] <= milliseconds(timezone.now())


def test_delivery_to_another_viewer_does_not_change_the_report(
    live: Callable[[int], Audience], streamer: User, outbox: list[Any]
) -> None:
    audience = live(2)
    plan(audience.show)
    mine, other = (User.objects.get(pk=viewer) for viewer in audience.viewers)
    chunks = list(NotificationChunk.objects.values_list("pk", flat=True))
    for chunk_id in chunks:
        send_chunk(chunk_id)
    before = report(audience.show, mine)["events"]
    assert [(each["state"], each["attempts"]) for each in before] == [("sent", 1)] * 2

    ApiClient(streamer).post(f"/goals/{audience.show.pk}/redeliver", {"viewer_id": str(other.pk)})
    waiting = report(audience.show, other)["events"]
    assert [(each["state"], each["sent_at_ms"]) for each in waiting] == [("planned", None)] * 2
    for chunk_id in chunks:
        send_chunk(chunk_id)
    assert report(audience.show, mine)["events"] == before
    assert [each["attempts"] for each in report(audience.show, other)["events"]] == [2, 2]


def test_report_of_a_viewer_without_a_payment_is_empty(show: Goal) -> None:
    plan(show)
    stranger = UserFactory()
    assert report(show, stranger) == {
        "viewer_id": str(stranger.pk),
        "goal_id": str(show.pk),
        "code": "not_paid",
        "explanation": "This viewer has not paid for the show.",
        "outcome": None,
        "paid": None,
        "listed": False,
        "events": [],
        "credentials_fetched": None,
    }


def test_payment_that_is_not_folded_is_paid_but_not_listed(session: Session, viewer: User) -> None:
    funding_goal = ShowFundingGoalFactory(session=session)
    for _ in range(2):
        ContributionFactory(funding_goal=funding_goal, viewer=viewer)
    body = report(funding_goal, viewer)
    assert (body["paid"], body["listed"], body["events"]) == ({"amount": 10}, False, [])


def test_payment_that_only_the_breakdown_holds_counts(show: Goal, viewer: User) -> None:
    collection("contributions").delete_many({})
    body = report(show, viewer)
    assert (body["paid"], body["listed"]) == ({"amount": 5}, True)


def test_cancellation_is_not_reported_as_permission(session: Session, viewer: User, outbox: list[Any]) -> None:
    """A cancellation goes to the preview channel too, but gives no access."""
    show = ShowGoalFactory(funding_goal=ShowFundingGoalFactory(session=session, closed=True, paid_by=[viewer]))
    plan(show)
    collection("notification_chunks").update_many({"preset": "preview"}, {"$set": {"name": "goal.cancelled"}})
    assert [each["preset"] for each in report(show, viewer)["events"]] == ["sd"]


def test_events_of_an_earlier_access_stay_visible(show: Goal, viewer: User, outbox: list[Any]) -> None:
    plan(show)
    first = report(show, viewer)["events"]
    later = show.window[0] + timedelta(seconds=30)
    collection("goals").update_one({"_id": show.pk}, {"$set": {"context.started": later, "version": 3}})
    plan(Goal.objects.get(pk=show.pk))

    events = report(show, viewer)["events"]
    assert [each["preset"] for each in events] == ["preview", "sd"] * 2
    assert (events[:2], len({each["event_id"] for each in events})) == (first, 4)


def test_owner_and_staff_may_look(show: Goal, streamer: User, viewer: User) -> None:
    for person in (streamer, StaffFactory()):
        assert ApiClient(person).get(path(show, viewer)).body == report(show, viewer)


def test_others_may_not_look(show: Goal, viewer: User) -> None:
    missing = f"/goals/{ObjectId()}/viewers/{viewer.pk}"
    assert ApiClient(UserFactory()).get(path(show, viewer)).problem == (404, "goal_not_found", [])
    assert ApiClient(viewer).get(missing).problem == (404, "goal_not_found", [])
    assert ApiClient().get(path(show, viewer)).problem == (401, "not_authenticated", [])


@pytest.mark.parametrize("ids", ["zzz/viewers/{0}", "{0}/viewers/zzz", "{0}/viewers/%00"])
def test_malformed_id_is_not_found(streamer: User, ids: str) -> None:
    assert ApiClient(streamer).get(f"/goals/{ids.format(streamer.pk)}").problem == (404, "not_found", [])


def test_only_the_viewers_own_chunks_are_read(
    live: Callable[[int], Audience], settings: Any, outbox: list[Any]
) -> None:
    settings.NOTIFY_CHUNK = 2
    audience = live(9)
    plan(audience.show)
    viewer = User.objects.get(pk=audience.viewers[4])
    with profiled() as profile:
        events = report(audience.show, viewer)["events"]

    assert [each["state"] for each in events] == ["planned"] * 2
    (query,) = [query for query in profile.queries if query.collection == "notification_chunks"]
    assert (query.stages & {"COLLSCAN"}, "IXSCAN" in query.stages) == (frozenset(), True)


def test_token_is_answered_even_if_its_fetch_cannot_be_counted(
    show: Goal, viewer: User, fail_command: FailCommand
) -> None:
    fail_command("update", errorCode=91)
    began = time.monotonic()
    answer = ApiClient(viewer).get(f"/sessions/{show.conditions.session_id}/token")
    assert (answer.status, answer.body["preset"]) == (200, "sd")
    assert time.monotonic() - began < 2
