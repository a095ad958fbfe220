"""Who answers which signal, for every kind of goal: the exact map."""

from typing import Any

import pytest
from bson import ObjectId
from django.contrib.auth.models import User

from goals.kinds import GoalKind
from goals.models import Goal
from goals.payloads import GoalAdded, GoalCancelled, GoalCreated, GoalEnded, GoalPayload, GoalStarted, GoalUpdated
from goals.signals import (
    GoalSignal,
    Outcome,
    announce,
    goal_added,
    goal_cancelled,
    goal_created,
    goal_ended,
    goal_started,
    goal_updated,
)
from mongodb.transactions import run_in_transaction
from sessions_app.models import Session
from tests.factories.documents import queued_messages, stored_one
from tests.factories.goals import ShowFundingGoalFactory

pytestmark = pytest.mark.django_db

CREATED = {
    "bind_show_goal_to_funding_goal": {GoalKind.SHOW},
    "bind_karaoke_goal_to_session": {GoalKind.KARAOKE},
    "bind_exclusive_goal_to_trigger_exclusive_goal": {GoalKind.EXCLUSIVE},
    "bind_exclusive_goals_to_session": {GoalKind.EXCLUSIVE, GoalKind.TRIGGER_EXCLUSIVE},
    "bind_trigger_private_goal_to_session": {GoalKind.TRIGGER_PRIVATE},
    "snapshot_rtc_sources": {GoalKind.EXCLUSIVE},
    "bind_show_goals_to_session": {GoalKind.SHOW, GoalKind.SHOW_FUNDING},
    "track_goals": set(GoalKind),
    "schedule_lifecycle_tasks": {GoalKind.SHOW, GoalKind.SHOW_FUNDING},
}
ADDED = {
    "generate_livestream_feed": {GoalKind.SHOW, GoalKind.SHOW_FUNDING},
    "trigger_notify_goal_added": {GoalKind.SHOW, GoalKind.SHOW_FUNDING},
    "invalidate_cached_pusher_channel_data": {GoalKind.SHOW, GoalKind.SHOW_FUNDING},
    "notify_stream_authorized": {GoalKind.SHOW, GoalKind.SHOW_FUNDING},
}
STARTED = {
    "record_show_with_rtc": {GoalKind.SHOW},
    "trigger_external_command": {GoalKind.TRIGGER_EXCLUSIVE, GoalKind.TRIGGER_PRIVATE},
    "update_and_notify_session_karaoke_goal": {GoalKind.KARAOKE},
    "notify_show_goal_started": {GoalKind.SHOW},
    "invalidate_cached_pusher_channel_data": {GoalKind.SHOW},
    "notify_stream_authorized": {GoalKind.SHOW},
}
UPDATED = {
    "schedule_lifecycle_tasks": {GoalKind.SHOW},
    "notify_goal_updated": {GoalKind.SHOW},
    "invalidate_cached_pusher_channel_data": {GoalKind.SHOW},
    "notify_stream_authorized": {GoalKind.SHOW},
}
CANCELLED = {
    "notify_goal_cancelled": {GoalKind.SHOW},
    "invalidate_cached_pusher_channel_data": {GoalKind.SHOW},
    "notify_stream_authorized": {GoalKind.SHOW},
}
ENDED = {
    "fold_last_contributions": {GoalKind.SHOW_FUNDING},
    "record_show_with_rtc": {GoalKind.SHOW},
    "set_embedded_goal_ended": {GoalKind.SHOW, GoalKind.SHOW_FUNDING},
    "track_goals": set(GoalKind),
    "notify_goal_ended": {GoalKind.SHOW, GoalKind.SHOW_FUNDING},
    "invalidate_cached_pusher_channel_data": {GoalKind.SHOW, GoalKind.SHOW_FUNDING},
    "notify_stream_authorized": {GoalKind.SHOW, GoalKind.SHOW_FUNDING},
}


def payloads(kind: GoalKind, session: Session, funding_goal: Goal) -> dict[GoalSignal, GoalPayload]:
    goal_id = str(ObjectId())
    session_id = str(session.pk)
    conditions = {"session_id": session_id}
    context = {"type": "any", "session_id": session_id, "funding_goal_id": str(funding_goal.pk)}
    metadata = {"user_id": str(session.user_id)}
    levels = [{"title": "Proceed", "target": 60}]
    nbf = funding_goal.created_at
    common: dict[str, Any] = {
        "goal_id": goal_id,
        "kind": kind,
        "conditions": conditions,
        "context": context,
        "metadata": metadata,
    }
    return {
        goal_created: GoalCreated(**common, active=True, levels=levels, nbf=nbf, exp=None),
        goal_added: GoalAdded(**common, session_id=session_id, streamer_id=str(session.user_id)),
        goal_started: GoalStarted(**common, progress=0, levels=levels),
        goal_updated: GoalUpdated(**common, levels=levels, nbf=nbf, access_exp=nbf),
        goal_cancelled: GoalCancelled(**common),
        goal_ended: GoalEnded(**common, progress=0, exp=nbf),
    }


@pytest.mark.parametrize("kind", list(GoalKind))
@pytest.mark.parametrize(
    ("signal", "receivers"),
    [
        (goal_created, CREATED),
        (goal_added, ADDED),
        (goal_started, STARTED),
        (goal_updated, UPDATED),
        (goal_cancelled, CANCELLED),
        (goal_ended, ENDED),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_signal_is_answered_by_exactly_these_receivers(
    signal: GoalSignal, receivers: dict[str, set[GoalKind]], kind: GoalKind, session: Session, streamer: User
) -> None:
    funding_goal = ShowFundingGoalFactory(session=session, closed=True)
    payload = payloads(kind, session, funding_goal)[signal]
    outcomes = run_in_transaction(lambda: announce(signal, payload))
    expected = {name: Outcome.APPLIED if kind in kinds else Outcome.NOT_APPLICABLE for name, kinds in receivers.items()}
    assert list(outcomes.items()) == list(expected.items())


@pytest.mark.parametrize(
    ("kind", "bound"),
    [
        (GoalKind.KARAOKE, {"KaraokeGoal": "{goal}"}),
        (GoalKind.EXCLUSIVE, {"ExclusiveGoal": ["{goal}"]}),
        (GoalKind.TRIGGER_EXCLUSIVE, {"TriggerExclusiveGoal": ["{goal}"]}),
        (GoalKind.TRIGGER_PRIVATE, {"TriggerPrivateGoal": "{goal}"}),
    ],
)
def test_other_kinds_are_bound_to_the_session(kind: GoalKind, bound: dict[str, object], session: Session) -> None:
    funding_goal = ShowFundingGoalFactory(session=session, closed=True)
    payload = payloads(kind, session, funding_goal)[goal_created]
    run_in_transaction(lambda: announce(goal_created, payload))
    stored = stored_one("sessions", session.pk)["bound_goals"]
    assert stored == {
        name: [payload.goal_id] if isinstance(value, list) else payload.goal_id for name, value in bound.items()
    }


def test_cancelling_tells_the_streamer_and_the_viewers(session: Session) -> None:
    funding_goal = ShowFundingGoalFactory(session=session, closed=True)
    payload = payloads(GoalKind.SHOW, session, funding_goal)[goal_cancelled]
    before = len(queued_messages())
    run_in_transaction(lambda: announce(goal_cancelled, payload))
    messages = queued_messages()[before:]
    assert [(message.func, message.args) for message in messages] == [
        ("notifications.tasks.notify_goal", ("goal.cancelled", payload.goal_id)),
        ("notifications.tasks.batch_notify_cancelled", (payload.goal_id, str(funding_goal.pk))),
    ]
