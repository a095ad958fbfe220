"""Receivers that tell streamers, devices and payers about a goal, and invalidate cached answers."""

from goals.kinds import GoalKind
from goals.payloads import GoalAdded, GoalCancelled, GoalEnded, GoalStarted, GoalUpdated
from goals.signals import Deed, goal_added, goal_cancelled, goal_ended, goal_started, goal_updated, receiver_for
from notifications.events import GOAL_ADDED, GOAL_CANCELLED, GOAL_ENDED, GOAL_STARTED, GOAL_UPDATED
from notifications.tasks import (
    batch_notify_cancelled,
    batch_notify_stream_authorized,
    notify_goal,
    notify_goals_started,
)
from sessions_app.cache_version import raise_cache_version

SHOWS = (GoalKind.SHOW, GoalKind.SHOW_FUNDING)
AnyChange = GoalAdded | GoalStarted | GoalUpdated | GoalCancelled | GoalEnded


@receiver_for(goal_added, *SHOWS)
def trigger_notify_goal_added(payload: GoalAdded) -> Deed:
    """Tell the streamer's three channels.

    Flow: goal.added -> trigger_notify_goal_added
    """
    notify_goal.enqueue(GOAL_ADDED, payload.goal_id, subject=payload.goal_id)
    return Deed.NOTIFIED


@receiver_for(goal_started, GoalKind.TRIGGER_EXCLUSIVE, GoalKind.TRIGGER_PRIVATE)
def trigger_external_command(payload: GoalStarted) -> Deed:
    """Tell the streamer's devices, which carry out the goal's command.

    Flow: goal.started -> trigger_external_command (returns for a show)
    """
    notify_goal.enqueue(GOAL_STARTED, payload.goal_id, subject=payload.goal_id)
    return Deed.NOTIFIED


@receiver_for(goal_started, GoalKind.KARAOKE)
def update_and_notify_session_karaoke_goal(payload: GoalStarted) -> Deed:
    """Make the session's cached answers show the karaoke goal, and tell the streamer's channels.

    Flow: goal.started -> update_and_notify_session_karaoke_goal (returns for a show)
    """
    raise_cache_version(payload.conditions["session_id"])
    notify_goal.enqueue(GOAL_STARTED, payload.goal_id, subject=payload.goal_id)
    return Deed.NOTIFIED


@receiver_for(goal_started, GoalKind.SHOW)
def notify_show_goal_started(payload: GoalStarted) -> Deed:
    """Tell the streamer's three channels that the show is on.

    Flow: goal.started -> notify_show_goal_started
    """
    notify_goals_started.enqueue_together(item=payload.goal_id)
    return Deed.NOTIFIED


@receiver_for(goal_updated, GoalKind.SHOW)
def notify_goal_updated(payload: GoalUpdated) -> Deed:
    """Tell the streamer's three channels that the show was moved."""
    notify_goal.enqueue(GOAL_UPDATED, payload.goal_id, subject=payload.goal_id)
    return Deed.NOTIFIED


@receiver_for(goal_cancelled, GoalKind.SHOW)
def notify_goal_cancelled(payload: GoalCancelled) -> Deed:
    """Tell the streamer's three channels, and every payer's preview channel, that there will be no show."""
    notify_goal.enqueue(GOAL_CANCELLED, payload.goal_id, subject=payload.goal_id)
    batch_notify_cancelled.enqueue(payload.goal_id, payload.context["funding_goal_id"], subject=payload.goal_id)
    return Deed.NOTIFIED


@receiver_for(goal_ended, *SHOWS)
def notify_goal_ended(payload: GoalEnded) -> Deed:
    """Tell the streamer's three channels that the show, or the funding, is over."""
    notify_goal.enqueue(GOAL_ENDED, payload.goal_id, subject=payload.goal_id)
    return Deed.NOTIFIED


@receiver_for(goal_added, *SHOWS)
@receiver_for(goal_started, GoalKind.SHOW)
@receiver_for(goal_updated, GoalKind.SHOW)
@receiver_for(goal_cancelled, GoalKind.SHOW)
@receiver_for(goal_ended, *SHOWS)
def invalidate_cached_pusher_channel_data(payload: AnyChange) -> Deed:
    """Make the cached channel data of the streamer's channels stale.

    Flow: goal.added, goal.started -> invalidate_cached_pusher_channel_data
    """
    raise_cache_version(payload.conditions["session_id"])
    return Deed.INVALIDATED


@receiver_for(goal_added, *SHOWS)
@receiver_for(goal_started, GoalKind.SHOW)
@receiver_for(goal_updated, GoalKind.SHOW)
@receiver_for(goal_cancelled, GoalKind.SHOW)
@receiver_for(goal_ended, *SHOWS)
def notify_stream_authorized(payload: AnyChange) -> Deed:
    """Invalidate the session token view first, because a viewer's answer changes. Then let the payers in.

    They are let in when the show starts, and get new credentials when the streamer says that it has really begun.
    All other changes only invalidate.

    Flow: goal.added, goal.started -> notify_stream_authorized
    """
    invalidate_get_session_token_view_cache(payload.conditions["session_id"])
    if not (isinstance(payload, GoalStarted) or (isinstance(payload, GoalUpdated) and payload.has_begun)):
        return Deed.INVALIDATED
    batch_notify_stream_authorized.enqueue(payload.goal_id, payload.context["funding_goal_id"], subject=payload.goal_id)
    return Deed.NOTIFIED


def invalidate_get_session_token_view_cache(session_id: str) -> None:
    """Make the cached answers of the session token view stale.

    Flow: notify_stream_authorized -> invalidate_get_session_token_view_cache
    """
    raise_cache_version(session_id)
