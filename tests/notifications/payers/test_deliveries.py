"""`GET /goals/{id}/deliveries` counts the viewers of a show by what became of their events."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from goals.models import Goal
from mongodb.collections import collection
from notifications.models import NotificationChunk
from notifications.tasks import batch_notify_stream_authorized
from sessions_app.models import Session
from tests.factories.client import ApiClient
from tests.factories.goals import ShowFundingGoalFactory
from tests.factories.people import UserFactory
from tests.factories.profiler import WHOLE_INDEX, profiled
from tests.notifications.payers.steps import overlapping, set_states
from tests.notifications.steps import chunk_of, send_all

pytestmark = pytest.mark.django_db
NOBODY = {"planned": 0, "sent": 0, "unknown": 0, "failed": 0, "expired": 0}


def counted(goal: Any, person: User) -> Any:
    answer = ApiClient(person).get(f"/goals/{goal}/deliveries")
    assert answer.status == 200
    return answer.body


def test_deliveries_count_viewers_by_state(session: Session, settings: Any, streamer: User) -> None:
    settings.NOTIFY_CHUNK = 3
    audience = overlapping(session)
    set_states("preview", audience, "ppsufxeoorss")
    set_states("sd", audience, "psssrufxeopp")
    for viewer in audience.viewers[:2]:
        client = ApiClient(User.objects.get(pk=viewer))
        assert client.get(f"/sessions/{session.pk}/token").body["preset"] == "sd"
        for preset in ("preview", "sd"):
            event_id = NotificationChunk.objects.filter(preset=preset)[0].event_id
            assert client.post(f"/goals/{audience.show.pk}/received", {"event_id": event_id}).status == 204
    expected = {
        "viewers": 12,
        "preview": {"planned": 3, "sent": 3, "unknown": 1, "failed": 1, "expired": 1},
        "sd": {"planned": 4, "sent": 3, "unknown": 1, "failed": 1, "expired": 1},
        "received": 2,
        "credentials_fetched": 2,
    }

    assert counted(audience.show.pk, streamer) == expected
    assert counted(audience.funding_goal_id, streamer) == expected


def test_nobody_is_told_before_the_show_is_planned(session: Session, streamer: User) -> None:
    goal = ShowFundingGoalFactory(session=session, closed=True, paid_by=UserFactory.create_batch(2))
    nothing = {"preview": NOBODY, "sd": NOBODY, "received": 0, "credentials_fetched": 0}

    assert counted(goal.pk, streamer) == {"viewers": 0, **nothing}  # the payment is not folded yet


def test_only_the_present_access_counts(show: Goal, viewer: User, streamer: User, outbox: list[Any]) -> None:
    batch_notify_stream_authorized(str(show.pk), show.context.funding_goal_id)
    send_all()
    ApiClient(viewer).post(f"/goals/{show.pk}/received", {"event_id": chunk_of().event_id})
    assert counted(show.pk, streamer)["received"] == 1

    batch_notify_stream_authorized(str(show.pk), show.context.funding_goal_id, 9)

    planned = {**NOBODY, "planned": 1}
    expected = {"viewers": 1, "preview": planned, "sd": planned, "received": 0, "credentials_fetched": 0}
    assert counted(show.pk, streamer) == expected


def test_event_that_is_planned_for_one_preset_only(show: Goal, streamer: User) -> None:
    batch_notify_stream_authorized(str(show.pk), show.context.funding_goal_id)
    batch_notify_stream_authorized(str(show.pk), show.context.funding_goal_id, 9)
    collection("notification_chunks").delete_one({"preset": "sd", "payload.version": 9})

    body = counted(show.pk, streamer)
    assert (body["preview"], body["sd"]) == ({**NOBODY, "planned": 1}, NOBODY)


def test_deliveries_take_two_indexed_reads(session: Session, settings: Any, streamer: User) -> None:
    settings.NOTIFY_CHUNK = 3
    audience = overlapping(session)
    with profiled() as profile:
        counted(audience.show.pk, streamer)

    # Two more reads find the caller and the goal.
    reads = [query.collection for query in profile.queries]
    assert sorted(reads) == ["auth_user", "goals", "goals", "notification_chunks"]
    assert [query for query in profile.queries if query.stages & {"COLLSCAN", WHOLE_INDEX}] == []
