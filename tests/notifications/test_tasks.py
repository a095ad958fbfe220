import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from goals.event_ids import event_id
from goals.models import Goal
from mongodb.collections import collection
from mongodb.transactions import run_in_transaction
from notifications.models import NotificationChunk
from notifications.tasks import batch_notify_cancelled, batch_notify_stream_authorized, notify_goal, send_chunk
from sessions_app.models import Session
from sessions_app.rtc.access_token import Privilege, parse_access_token, verify_access_token
from showgoals.changes import cancel_show_goal
from showgoals.errors import ShowCannotBeAnnounced
from tests.factories.documents import queued_messages
from tests.factories.goals import ShowFundingGoalFactory, ShowGoalFactory
from tests.factories.people import UserFactory
from tests.factories.stream_tokens import StreamToken, read_stream_token

pytestmark = pytest.mark.django_db


def plan(show: Goal) -> Any:
    return batch_notify_stream_authorized(str(show.pk), show.context.funding_goal_id)


def seconds(show: Goal) -> tuple[int, int]:
    nbf, exp = show.window
    return int(nbf.timestamp()), int(exp.timestamp())


def three_channels(streamer: User) -> list[str]:
    return [f"private-stream@{streamer.pk}", f"presence-stream@{streamer.pk}", f"private-user@{streamer.pk}"]


def test_goal_added_goes_to_the_three_channels(show: Goal, streamer: User, outbox: list[Any]) -> None:
    notify_goal("goal.added", str(show.pk))
    nbf, _exp = seconds(show)
    data = {
        "event_id": event_id(str(show.pk), "goal.added", 2),
        "version": 2,
        "goal_id": str(show.pk),
        "type": "show",
        "session_id": show.conditions.session_id,
        "streamer_id": str(streamer.pk),
        "nbf": nbf,
        "levels": [{"title": "Proceed", "target": 60}],
        "context": show.context_data(),
    }
    assert [(event.channel, event.name) for event in outbox] == [
        (channel, "goal.added") for channel in three_channels(streamer)
    ]
    assert [json.loads(event.data) for event in outbox] == [data] * 3


def test_goal_started_carries_the_end_of_the_access(show: Goal, outbox: list[Any]) -> None:
    notify_goal("goal.started", str(show.pk))
    assert json.loads(outbox[0].data) == {
        "event_id": event_id(str(show.pk), "goal.started", 2),
        "version": 2,
        "goal_id": str(show.pk),
        "type": "show",
        "session_id": show.conditions.session_id,
        "progress": 0,
        "levels": [{"title": "Proceed", "target": 60}],
        "context": show.context_data(),
        "access_exp": seconds(show)[1],
    }


def test_longest_funding_goal_fits_into_an_event(session: Session, outbox: list[Any]) -> None:
    levels = [{"title": "\N{ROLLING ON THE FLOOR LAUGHING}" * 200, "target": 10**9}] * 10
    goal = ShowFundingGoalFactory(session=session, levels=levels)
    notify_goal("goal.added", str(goal.pk))
    assert len(outbox) == 3


def test_viewer_gets_both_events_with_credentials_of_their_own(
    show: Goal, streamer: User, viewer: User, outbox: list[Any], settings: Any
) -> None:
    assert plan(show) == "planned"
    for chunk in NotificationChunk.objects.order_by("planned_at", "preset"):
        send_chunk(chunk.pk)
    nbf, exp = seconds(show)
    preview, sd = (json.loads(event.data) for event in outbox)
    channel = f"presence-stream-viewer@{streamer.pk}.{{}}.{viewer.pk}"
    assert [(event.channel, event.name) for event in outbox] == [
        (channel.format("preview"), "stream.authorized"),
        (channel.format("sd"), "stream.authorized"),
    ]
    common = {"goal_id": str(show.pk), "session_id": show.conditions.session_id, "nbf": nbf, "exp": exp}
    assert preview == common | {
        "event_id": event_id(str(show.pk), "stream.authorized", 2, preset="preview"),
        "version": 2,
        "jitter_factor": 3,
    }
    token, byteplus_token, info = (sd.pop(name) for name in ("token", "byteplus_token", "byteplus_rtc_info"))
    assert sd == preview | {"event_id": event_id(str(show.pk), "stream.authorized", 2, preset="sd")}
    assert read_stream_token(token, now=nbf) == StreamToken(
        viewer_id=str(viewer.pk),
        streamer_id=str(streamer.pk),
        session_id=show.conditions.session_id,
        goal_id=str(show.pk),
        preset="sd",
        nbf=nbf,
        exp=exp,
    )
    for text, user_id in ((byteplus_token, str(viewer.pk)), (info["token"], info["user_id"])):
        parsed = parse_access_token(text)
        assert verify_access_token(text, app_key=settings.BYTEPLUS_APP_KEY, now=nbf)
        assert (parsed.room_id, parsed.user_id, parsed.expire_at) == (show.conditions.session_id, user_id, exp)
        assert dict(parsed.privileges) == {Privilege.SUBSCRIBE: exp}
    assert info["user_id"].startswith(f"{viewer.pk}__stream_authorized__")


def test_planning_twice_plans_once(show: Goal) -> None:
    assert (plan(show), plan(show)) == ("planned", "nothing_to_plan")
    assert NotificationChunk.objects.count() == 2
    assert len(queued_messages("send_chunk")) == 2


def test_sending_twice_sends_once(show: Goal, outbox: list[Any]) -> None:
    plan(show)
    chunks = list(NotificationChunk.objects.values_list("pk", flat=True))
    assert [send_chunk(chunk) for chunk in chunks * 2] == ["sent"] * 2 + ["settled_before"] * 2
    assert len(outbox) == 2


def test_audience_is_cut_into_chunks(session: Session, settings: Any, outbox: list[Any]) -> None:
    settings.NOTIFY_CHUNK = 10
    viewers = [UserFactory() for _ in range(25)]
    funding_goal = ShowFundingGoalFactory(session=session, closed=True, paid_by=viewers)
    show = ShowGoalFactory(funding_goal=funding_goal)
    plan(show)
    sizes = sorted((chunk.preset, len(chunk.ledger)) for chunk in NotificationChunk.objects.all())
    assert sizes == [(preset, size) for preset in ("preview", "sd") for size in (5, 10, 10)]
    for chunk in NotificationChunk.objects.all():
        send_chunk(chunk.pk)
    channels = [f"presence-stream-viewer@{session.user_id}.{preset}.{{}}" for preset in ("preview", "sd")]
    assert sorted(event.channel for event in outbox) == sorted(
        channel.format(viewer.pk) for channel in channels for viewer in viewers
    )


def test_show_without_payers_is_no_error(session: Session, outbox: list[Any]) -> None:
    show = ShowGoalFactory(funding_goal=ShowFundingGoalFactory(session=session, closed=True))
    assert plan(show) == "nothing_to_plan"


def test_missing_breakdown_is_no_error(show: Goal) -> None:
    collection("goals").update_many({}, {"$unset": {"breakdown": ""}})
    assert plan(show) == "nothing_to_plan"


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("sessions", {"$rename": {"user": "nobody"}}),
        ("goals", {"$set": {"levels": []}}),
        ("goals", {"$set": {"_cls": "KaraokeGoal"}}),
    ],
)
def test_show_that_the_aggregate_does_not_find_is_an_error(show: Goal, name: str, change: dict[str, Any]) -> None:
    if name == "sessions":
        collection(name).delete_many({})
    else:
        collection(name).update_one({"_id": show.pk}, change)
    with pytest.raises(ShowCannotBeAnnounced):
        plan(show)


def test_cancelled_show_is_told_to_every_preview_channel(
    funding_goal: Goal, streamer: User, viewer: User, outbox: list[Any]
) -> None:
    show = ShowGoalFactory(funding_goal=funding_goal, nbf=timezone.now().replace(microsecond=0) + timedelta(hours=1))
    run_in_transaction(lambda: cancel_show_goal(str(show.pk), now=timezone.now()))
    assert batch_notify_cancelled(str(show.pk), str(funding_goal.pk)) == "planned"
    for chunk in NotificationChunk.objects.all():
        send_chunk(chunk.pk)
    nbf, exp = seconds(show)
    assert [(event.channel, event.name, json.loads(event.data)) for event in outbox] == [
        (
            f"presence-stream-viewer@{streamer.pk}.preview.{viewer.pk}",
            "goal.cancelled",
            {
                "event_id": event_id(str(show.pk), "goal.cancelled", 2),
                "version": 2,
                "goal_id": str(show.pk),
                "type": "show",
                "session_id": show.conditions.session_id,
                "nbf": nbf,
                "access_exp": exp,
                "reason": "cancelled",
            },
        )
    ]
