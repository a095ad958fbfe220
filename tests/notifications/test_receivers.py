"""Each signal is handled by exactly the receivers listed here, for every kind of goal."""

from dataclasses import replace
from typing import Any

import pytest
from bson import ObjectId

from goals.kinds import GoalKind
from goals.models import Goal
from goals.payloads import (
    CancelReason,
    GoalAdded,
    GoalCancelled,
    GoalCreated,
    GoalEnded,
    GoalLapsed,
    GoalPayload,
    GoalProgressed,
    GoalStarted,
    GoalUpdated,
    LapseReason,
    SettlementDecided,
    UpdateReason,
)
from goals.signals import (
    Deed,
    GoalSignal,
    announce,
    goal_added,
    goal_cancelled,
    goal_created,
    goal_ended,
    goal_lapsed,
    goal_progressed,
    goal_started,
    goal_updated,
    settlement_decided,
)
from mongodb.transactions import run_in_transaction
from notifications.events import as_json, goal_event
from sessions_app.models import Session
from tests.factories.documents import queued_messages, stored, stored_one
from tests.factories.goals import ShowFundingGoalFactory

pytestmark = pytest.mark.django_db

SHOW, FUNDING = GoalKind.SHOW, GoalKind.SHOW_FUNDING
# What each receiver does, by kind of goal. For all other kinds, the receiver answers "not applicable".
Deeds = dict[str, dict[GoalKind, Deed]]

BOTH_INVALIDATE = {SHOW: Deed.INVALIDATED, FUNDING: Deed.INVALIDATED}
CREATED: Deeds = {
    "bind_show_goal_to_funding_goal": {SHOW: Deed.LINKED},
    "bind_karaoke_goal_to_session": {GoalKind.KARAOKE: Deed.BOUND},
    "bind_exclusive_goal_to_trigger_exclusive_goal": {GoalKind.EXCLUSIVE: Deed.BOUND},
    "bind_exclusive_goals_to_session": {GoalKind.EXCLUSIVE: Deed.BOUND, GoalKind.TRIGGER_EXCLUSIVE: Deed.BOUND},
    "bind_trigger_private_goal_to_session": {GoalKind.TRIGGER_PRIVATE: Deed.BOUND},
    "snapshot_rtc_sources": {GoalKind.EXCLUSIVE: Deed.SNAPSHOT_TAKEN},
    "bind_show_goals_to_session": {SHOW: Deed.BOUND},
    "bind_show_funding_goals_to_session": {FUNDING: Deed.BOUND},
    "track_goals": dict.fromkeys(GoalKind, Deed.TRACKED),
    "schedule_lifecycle_tasks": {SHOW: Deed.START_SCHEDULED},
    "schedule_funding_end": {FUNDING: Deed.NO_END_SCHEDULED},
}
ADDED: Deeds = {
    "generate_livestream_feed": {SHOW: Deed.FEED_REQUESTED, FUNDING: Deed.FEED_REQUESTED},
    "trigger_notify_goal_added": {SHOW: Deed.NOTIFIED, FUNDING: Deed.NOTIFIED},
    "invalidate_cached_pusher_channel_data": BOTH_INVALIDATE,
    "notify_stream_authorized": BOTH_INVALIDATE,
}
STARTED: Deeds = {
    "look_for_overlaps": {SHOW: Deed.NOT_LATE},
    "record_show_with_rtc": {SHOW: Deed.RECORDING_REQUESTED},
    "trigger_external_command": {GoalKind.TRIGGER_EXCLUSIVE: Deed.NOTIFIED, GoalKind.TRIGGER_PRIVATE: Deed.NOTIFIED},
    "update_and_notify_session_karaoke_goal": {GoalKind.KARAOKE: Deed.NOTIFIED},
    "notify_show_goal_started": {SHOW: Deed.NOTIFIED},
    "invalidate_cached_pusher_channel_data": {SHOW: Deed.INVALIDATED},
    "notify_stream_authorized": {SHOW: Deed.NOTIFIED},
}
MOVED: Deeds = {
    "look_for_overlaps": {SHOW: Deed.NOT_LATE},
    "schedule_lifecycle_tasks": {SHOW: Deed.START_SCHEDULED},
    "schedule_funding_end": {FUNDING: Deed.NO_END_SCHEDULED},
    "notify_goal_updated": {SHOW: Deed.NOTIFIED, FUNDING: Deed.NOTIFIED},
    "invalidate_cached_pusher_channel_data": BOTH_INVALIDATE,
    "notify_stream_authorized": BOTH_INVALIDATE,
    "renew_credentials": {SHOW: Deed.ACCESS_KEPT},
}
EXTENDED: Deeds = {
    **MOVED,
    "schedule_lifecycle_tasks": {SHOW: Deed.END_SCHEDULED},
    "renew_credentials": {SHOW: Deed.NOTIFIED},
}
BEGUN: Deeds = {
    **MOVED,
    "look_for_overlaps": {SHOW: Deed.OVERLAPS_LOOKED_FOR},
    "schedule_lifecycle_tasks": {SHOW: Deed.END_SCHEDULED},
    "notify_stream_authorized": {SHOW: Deed.NOTIFIED, FUNDING: Deed.NOTIFIED},  # funding goals never begin
}
CANCELLED: Deeds = {
    "schedule_lapse_of_cancelled": {SHOW: Deed.LAPSE_SCHEDULED},
    "withdraw_start": {SHOW: Deed.START_WITHDRAWN},
    "notify_goal_cancelled": {SHOW: Deed.NOTIFIED},
    "invalidate_cached_pusher_channel_data": {SHOW: Deed.INVALIDATED},
    "notify_stream_authorized": {SHOW: Deed.INVALIDATED},
}
PROGRESSED: Deeds = {"notify_goal_progressed": {FUNDING: Deed.NOTIFIED}}
ENDED: Deeds = {
    "schedule_lapse_of_closed": {FUNDING: Deed.LAPSE_SCHEDULED},
    "settle_funding_of_show": {SHOW: Deed.SETTLED_BEFORE},
    "stop_recording_with_rtc": {SHOW: Deed.RECORDING_STOPPED},
    "mark_show_ended": {SHOW: Deed.MARKED_ENDED},
    "mark_funding_ended": {FUNDING: Deed.MARKED_ENDED},
    "track_goals": dict.fromkeys(GoalKind, Deed.TRACKED),
    "withdraw_end": {SHOW: Deed.END_WITHDRAWN, FUNDING: Deed.END_WITHDRAWN},
    "notify_goal_ended": {SHOW: Deed.NOTIFIED, FUNDING: Deed.NOTIFIED},
    "close_deliveries_of_show": {SHOW: Deed.DELIVERIES_CLOSED},
    "invalidate_cached_pusher_channel_data": BOTH_INVALIDATE,
    "notify_stream_authorized": BOTH_INVALIDATE,
}
LAPSED: Deeds = {"notify_goal_lapsed": {FUNDING: Deed.NOTIFIED}}
DECIDED: Deeds = {"invalidate_cached_pusher_channel_data": {FUNDING: Deed.INVALIDATED}}


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
        "version": 2,
        "conditions": conditions,
        "context": context,
        "metadata": metadata,
    }
    return {
        goal_created: GoalCreated(**common, active=True, levels=levels, nbf=nbf, exp=None),
        goal_added: GoalAdded(
            **common, session_id=session_id, streamer_id=str(session.user_id), levels=levels, nbf=nbf
        ),
        goal_started: GoalStarted(**common, progress=0, levels=levels, access_exp=nbf),
        goal_updated: GoalUpdated(**common, reason=UpdateReason.MOVED, levels=levels, nbf=nbf, access_exp=nbf),
        goal_cancelled: GoalCancelled(
            **common, reason=CancelReason.CANCELLED, cancelled_at=nbf, nbf=nbf, access_exp=nbf
        ),
        goal_progressed: GoalProgressed(**common, progress=5, target=1000, payers=1),
        goal_ended: GoalEnded(**common, progress=0, exp=nbf, lapses_at=nbf),
        goal_lapsed: GoalLapsed(**common, reason=LapseReason.NO_SHOW, total=5),
        settlement_decided: SettlementDecided(**common, settlement={}),
    }


@pytest.mark.parametrize("kind", list(GoalKind))
@pytest.mark.parametrize(
    ("signal", "changes", "receivers"),
    [
        (goal_created, {}, CREATED),
        (goal_added, {}, ADDED),
        (goal_started, {}, STARTED),
        (goal_updated, {}, MOVED),
        (goal_updated, {"reason": UpdateReason.CHANGED, "runs": True}, EXTENDED),
        (goal_updated, {"reason": UpdateReason.BEGUN, "runs": True, "context": {"started": 1_745_993_863}}, BEGUN),
        (goal_cancelled, {}, CANCELLED),
        (goal_progressed, {}, PROGRESSED),
        (goal_ended, {}, ENDED),
        (goal_lapsed, {}, LAPSED),
        (settlement_decided, {}, DECIDED),
    ],
    ids=[
        "created",
        "added",
        "started",
        "moved",
        "extended",
        "begun",
        "cancelled",
        "progressed",
        "ended",
        "lapsed",
        "decided",
    ],
)
def test_signal_is_answered_by_exactly_these_receivers(
    signal: GoalSignal, changes: dict[str, Any], receivers: Deeds, kind: GoalKind, session: Session
) -> None:
    funding_goal = ShowFundingGoalFactory(session=session, closed=True)
    payload = payloads(kind, session, funding_goal)[signal]
    payload = replace(payload, **changes | {"context": {**payload.context, **changes.get("context", {})}})
    deeds = run_in_transaction(lambda: announce(signal, payload))
    others = {name: by_kind.get(kind, Deed.NOT_APPLICABLE) for name, by_kind in receivers.items()}
    assert list(deeds.items()) == [("store_event", Deed.EVENT_STORED), *others.items()]


def test_end_of_a_funding_goal_with_a_deadline_is_scheduled(session: Session) -> None:
    goal = ShowFundingGoalFactory(session=session)
    (created,) = stored("goal_timeline", goal_id=str(goal.pk), name="goal.created")
    assert created["answers"]["schedule_funding_end"] == Deed.END_SCHEDULED


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
    name, data = goal_event(payload)
    assert [(message.func, message.args) for message in messages if message.func.startswith("notifications")] == [
        ("notifications.tasks.notify_goal", (name, payload.goal_id, str(session.user_id), as_json(data))),
        ("notifications.tasks.batch_notify_payers", (name, payload.goal_id, str(funding_goal.pk), as_json(data))),
    ]
