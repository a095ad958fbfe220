"""The creation of a show writes exactly these documents."""

from datetime import timedelta

from bson import ObjectId
from django.contrib.auth.models import User

from goals.event_ids import event_id
from goals.models import Goal
from notifications.events import as_json
from notifications.former_messages import former_event
from notifications.streamer_events import StreamerEvent
from sessions_app.models import Session
from tests.factories.bodies import show_body
from tests.factories.client import ApiClient
from tests.factories.documents import QueuedMessage, everything_stored, queued_messages, stored_one, timeline
from tests.factories.goals import HOUR
from tests.factories.moments import NOW, SECONDS, WHOLE, as_stored

PATH = "/goals?type=show"


def test_goal_document_is_complete(paid_goal: Goal, streamer: User, session: Session) -> None:
    answer = ApiClient(streamer).post(PATH, show_body(paid_goal))

    assert stored_one("goals", answer.body["id"]) == {
        "_id": ObjectId(answer.body["id"]),
        "_cls": "ShowGoal",
        "active": True,
        "activated_at": None,
        "cancelled_at": None,
        "nbf": as_stored(WHOLE + HOUR),
        "exp": None,
        "conditions": {"session_id": str(session.pk)},
        "levels": [{"title": "Proceed", "target": 60}],
        "progress": 0,
        "breakdown": {},
        "payers": None,
        "context": {
            "type": "show",
            "session_id": str(session.pk),
            "ticket_product_id": "livestream-show-ticket_200",
            "ticket_product_type": "show",
            "funding_goal_id": str(paid_goal.pk),
            "started": None,
            "started_by": None,
            "show_goal_id": None,
            "perform_duration": None,
            "hesitation_countdown": None,
            "discount_percentage": None,
            "exclusive_goal_id": None,
        },
        "metadata": {"user_id": str(streamer.pk)},
        "created_at": as_stored(NOW),
        "version": 1,
        "cancel_reason": None,
        "cancelled_version": None,
        "moved_version": None,
        "lapses_at": None,
        "settlement": None,
        "lapsed_version": None,
        "has_excluded": False,
    }


def test_other_documents_change_only_in_what_the_flow_says(
    paid_goal: Goal, streamer: User, viewer: User, session: Session
) -> None:
    before = everything_stored()
    show_id = ApiClient(streamer).post(PATH, show_body(paid_goal)).body["id"]
    after = everything_stored()

    (funding_goal,), (contribution,) = before["goals"], before["contributions"]
    context = funding_goal["context"] | {"show_goal_id": show_id}
    paid = {"progress": 5, "breakdown": {str(viewer.pk): {"amount": 5}}, "payers": 1}
    folded = {**paid, "context": context, "version": 2}
    pair = before["sessions"][0]["show_goal_pairs"][0] | {"show_goal": ObjectId(show_id)}
    version = before["sessions"][0]["cache_version"] + 1
    assert after["goals"] == [funding_goal | folded, stored_one("goals", show_id)]
    assert after["sessions"] == [before["sessions"][0] | {"show_goal_pairs": [pair], "cache_version": version}]
    assert after["contributions"] == [contribution | {"folded": True}]
    assert {name for name in after if after[name] != before[name]} == {
        *("contributions", "django_q_ormq", "events", "goal_timeline", "goals", "sessions"),
    }


def test_messages_are_complete(paid_goal: Goal, streamer: User) -> None:
    before = len(queued_messages())
    show_id = ApiClient(streamer).post(PATH, show_body(paid_goal)).body["id"]

    told = str(streamer.pk), as_json(former_event("goal.added", show_id).data)
    funding = str(paid_goal.pk)
    identity = {"event_id": event_id(funding, "goal.progressed", 5), "version": 1, "goal_id": funding}
    progress = {**identity, "progress": 5, "target": 1000, "payers": 1}
    now, nbf = as_stored(NOW), WHOLE + HOUR
    assert sorted(queued_messages()[before:], key=lambda message: message.func) == [
        QueuedMessage(
            "analytics.tasks.track",
            (
                event_id(show_id, "goal.created", 1),
                "goal.created",
                show_id,
                "ShowGoal",
                str(streamer.pk),
                SECONDS * 1000 + 250,
            ),
            show_id,
            now,
        ),
        QueuedMessage("goals.tasks.activate_goal", (show_id, int(nbf.timestamp())), show_id, as_stored(nbf)),
        QueuedMessage("notifications.tasks.notify_goal", ("goal.added", show_id, *told), show_id, now),
        QueuedMessage(
            "notifications.tasks.notify_progress",
            (StreamerEvent("goal.progressed", str(streamer.pk), progress).as_line(),),
            funding,
            as_stored(WHOLE + timedelta(seconds=1.2)),
        ),
        QueuedMessage("sessions_app.tasks.write_livestream_feed", (show_id,), show_id, now),
        QueuedMessage("webhooks.tasks.publish_events", (), None, now),
    ]


def test_timeline_is_complete(paid_goal: Goal, streamer: User) -> None:
    show_id = ApiClient(streamer).post(PATH, show_body(paid_goal)).body["id"]

    rows = timeline(show_id)
    assert [(row["kind"], row["name"], row["outcome"], row["detail"]) for row in rows] == [
        ("signal", "goal.created", "announced", ""),
        ("signal", "goal.added", "announced", ""),
        ("receiver", "store_event", "event_stored", "goal.added"),
        ("receiver", "generate_livestream_feed", "feed_requested", "goal.added"),
        ("receiver", "trigger_notify_goal_added", "notified", "goal.added"),
        ("receiver", "invalidate_cached_pusher_channel_data", "invalidated", "goal.added"),
        ("receiver", "notify_stream_authorized", "invalidated", "goal.added"),
        ("receiver", "store_event", "event_stored", "goal.created"),
        ("receiver", "bind_show_goal_to_funding_goal", "linked", "goal.created"),
        ("receiver", "bind_karaoke_goal_to_session", "not_applicable", "goal.created"),
        ("receiver", "bind_exclusive_goal_to_trigger_exclusive_goal", "not_applicable", "goal.created"),
        ("receiver", "bind_exclusive_goals_to_session", "not_applicable", "goal.created"),
        ("receiver", "bind_trigger_private_goal_to_session", "not_applicable", "goal.created"),
        ("receiver", "snapshot_rtc_sources", "not_applicable", "goal.created"),
        ("receiver", "bind_show_goals_to_session", "bound", "goal.created"),
        ("receiver", "bind_show_funding_goals_to_session", "not_applicable", "goal.created"),
        ("receiver", "track_goals", "tracked", "goal.created"),
        ("receiver", "schedule_lifecycle_tasks", "start_scheduled", "goal.created"),
        ("receiver", "schedule_funding_end", "not_applicable", "goal.created"),
    ]
    assert {tuple(sorted(row)) for row in rows} == {
        ("_id", "detail", "goal_id", "kind", "name", "outcome", "request_id", "seq"),
    }
    seqs = [row["seq"] for row in rows]
    assert seqs == sorted(set(seqs))
