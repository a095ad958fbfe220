"""Receivers that tell streamers, devices and payers about a goal, and invalidate cached answers."""

from goals.kinds import GoalKind
from goals.payloads import (
    GoalAdded,
    GoalCancelled,
    GoalEnded,
    GoalLapsed,
    GoalPayload,
    GoalProgressed,
    GoalStarted,
    GoalUpdated,
    PayerIncluded,
    PayersAdded,
    SettlementDecided,
    UpdateReason,
)
from goals.signals import (
    Deed,
    goal_added,
    goal_cancelled,
    goal_ended,
    goal_lapsed,
    goal_progressed,
    goal_started,
    goal_updated,
    payers_added,
    payers_included,
    receiver_for,
    settlement_decided,
)
from mongodb.transactions import moment_of_writing
from notifications.audience_pace import next_telling
from notifications.events import as_json
from notifications.fanout.inclusion import notify_included_payer
from notifications.streamer_events import StreamerEvent, next_progress_at
from notifications.tasks import (
    batch_notify_payers,
    batch_notify_stream_authorized,
    close_deliveries,
    notify_goal,
    notify_late_payers,
    notify_progress,
)
from sessions_app.cache_version import raise_cache_version

SHOWS = (GoalKind.SHOW, GoalKind.SHOW_FUNDING)
AnyChange = GoalAdded | GoalStarted | GoalUpdated | GoalCancelled | GoalEnded | SettlementDecided


@receiver_for(goal_added, *SHOWS)
def trigger_notify_goal_added(payload: GoalAdded) -> Deed:
    """Tell the streamer's three channels that the session has a new goal.

    Flow: goal.added -> trigger_notify_goal_added
    """
    _tell_streamer(payload)
    return Deed.NOTIFIED


@receiver_for(goal_started, GoalKind.TRIGGER_EXCLUSIVE, GoalKind.TRIGGER_PRIVATE)
def trigger_external_command(payload: GoalStarted) -> Deed:
    """Tell the streamer's devices that the goal has started, so that they carry out its command.

    Flow: goal.started -> trigger_external_command (returns for a show)
    """
    _tell_streamer(payload)
    return Deed.NOTIFIED


@receiver_for(goal_started, GoalKind.KARAOKE)
def update_and_notify_session_karaoke_goal(payload: GoalStarted) -> Deed:
    """Invalidate the session's cached answers, and tell the streamer's channels that the karaoke goal has started.

    Flow: goal.started -> update_and_notify_session_karaoke_goal (returns for a show)
    """
    raise_cache_version(payload.conditions["session_id"])
    _tell_streamer(payload)
    return Deed.NOTIFIED


@receiver_for(goal_started, GoalKind.SHOW)
def notify_show_goal_started(payload: GoalStarted) -> Deed:
    """Tell the streamer's three channels that the show is on.

    Flow: goal.started -> notify_show_goal_started
    """
    _tell_streamer(payload)
    return Deed.NOTIFIED


@receiver_for(goal_updated, *SHOWS)
def notify_goal_updated(payload: GoalUpdated) -> Deed:
    """Tell the streamer's three channels what has changed. If the show was moved or revived, also tell every payer."""
    event = _tell_streamer(payload)
    if payload.reason in (UpdateReason.MOVED, UpdateReason.REVIVED):
        _tell_payers(payload, event)
    return Deed.NOTIFIED


@receiver_for(goal_cancelled, GoalKind.SHOW)
def notify_goal_cancelled(payload: GoalCancelled) -> Deed:
    """Tell the streamer's three channels, and every payer's preview channel, that the show was cancelled."""
    _tell_payers(payload, _tell_streamer(payload))
    return Deed.NOTIFIED


@receiver_for(goal_progressed, GoalKind.SHOW_FUNDING)
def notify_goal_progressed(payload: GoalProgressed) -> Deed:
    """Tell the streamer's three channels, at most once a second, how much the funding goal has collected.

    For each funding goal, at most one message waits in the queue. A newer message replaces the waiting message and
    takes over its place, so the event is sent even if the queue is behind.
    """
    line = StreamerEvent.of(payload).as_line()
    due = next_progress_at(moment_of_writing())
    notify_progress.replace(line, at=due, subject=payload.goal_id, keep_earlier=True)
    return Deed.NOTIFIED


@receiver_for(goal_ended, *SHOWS)
def notify_goal_ended(payload: GoalEnded) -> Deed:
    """Tell the streamer's three channels that the show or the funding is over."""
    _tell_streamer(payload)
    return Deed.NOTIFIED


@receiver_for(goal_lapsed, GoalKind.SHOW_FUNDING)
def notify_goal_lapsed(payload: GoalLapsed) -> Deed:
    """Tell the streamer's three channels, and every payer's preview channel, that the payments are due back."""
    event = _tell_streamer(payload)
    if payload.total:
        goal_id = payload.goal_id
        batch_notify_payers.enqueue(event.name, goal_id, goal_id, as_json(event.data), subject=goal_id)
    return Deed.NOTIFIED


@receiver_for(goal_ended, GoalKind.SHOW)
def close_deliveries_of_show(payload: GoalEnded) -> Deed:
    """Queue the task that closes the deliveries to viewers who were not told before the end."""
    close_deliveries.enqueue(payload.goal_id, subject=payload.goal_id)
    return Deed.DELIVERIES_CLOSED


@receiver_for(goal_added, *SHOWS)
@receiver_for(goal_started, GoalKind.SHOW)
@receiver_for(goal_updated, *SHOWS)
@receiver_for(goal_cancelled, GoalKind.SHOW)
@receiver_for(goal_ended, *SHOWS)
@receiver_for(settlement_decided, GoalKind.SHOW_FUNDING)
def invalidate_cached_pusher_channel_data(payload: AnyChange) -> Deed:
    """Make the cached channel data of the streamer's channels stale.

    Flow: goal.added, goal.started -> invalidate_cached_pusher_channel_data
    """
    raise_cache_version(payload.conditions["session_id"])
    return Deed.INVALIDATED


@receiver_for(goal_added, *SHOWS)
@receiver_for(goal_started, GoalKind.SHOW)
@receiver_for(goal_updated, *SHOWS)
@receiver_for(goal_cancelled, GoalKind.SHOW)
@receiver_for(goal_ended, *SHOWS)
def notify_stream_authorized(payload: AnyChange) -> Deed:
    """Invalidate the cached answers of the session token view. If the show has started, queue the payers' credentials.

    The payers also get new credentials when the streamer says that the show has really begun. Other changes only
    invalidate the cached answers.

    Flow: goal.added, goal.started -> notify_stream_authorized
    """
    invalidate_get_session_token_view_cache(payload.conditions["session_id"])
    match payload:
        case GoalStarted(access_exp=exp) | GoalUpdated(reason=UpdateReason.BEGUN, access_exp=exp) if exp is not None:
            its_goals = payload.goal_id, payload.context["funding_goal_id"]
            access = payload.version, int(exp.timestamp())
            batch_notify_stream_authorized.enqueue(*its_goals, *access, subject=payload.goal_id)
            return Deed.NOTIFIED
    return Deed.INVALIDATED


@receiver_for(goal_updated, GoalKind.SHOW)
def renew_credentials(payload: GoalUpdated) -> Deed:
    """Queue new credentials for the payers of a live show that was extended."""
    exp = payload.access_exp
    if not payload.runs or payload.reason is UpdateReason.BEGUN or exp is None:
        return Deed.ACCESS_KEPT
    its_goals = payload.goal_id, payload.context["funding_goal_id"]
    at = next_telling(*its_goals, now=moment_of_writing(), access_ends=payload.access_ended)
    access = payload.version, int(exp.timestamp())
    batch_notify_stream_authorized.enqueue(*its_goals, *access, at=at, subject=payload.goal_id)
    return Deed.NOTIFIED


@receiver_for(payers_added, GoalKind.SHOW_FUNDING)
def plan_late_payers(payload: PayersAdded) -> Deed:
    """Queue the task that tells payers who were listed late what the other payers of the show have been told.

    This transaction can't know what the others have been told. The show may be starting just now, in another
    transaction, which does not see the late payers.
    """
    if payload.show_goal_id:
        notify_late_payers.enqueue(payload.show_goal_id, subject=payload.show_goal_id)
    if payload.has_lapsed:
        notify_late_payers.enqueue(payload.goal_id, subject=payload.goal_id)
    return Deed.NOTIFIED


@receiver_for(payers_included, GoalKind.SHOW_FUNDING)
def let_included_payer_in(payload: PayerIncluded) -> Deed:
    """Queue the tasks that tell a payer who is no longer excluded what the other payers know."""
    told_about = [payload.show_goal_id] if payload.show_goal_id else []
    told_about += [payload.goal_id] if payload.has_lapsed else []
    for goal_id in told_about:
        notify_included_payer.enqueue(goal_id, payload.viewer_id, subject=goal_id)
        notify_late_payers.enqueue(goal_id, subject=goal_id)
    return Deed.NOTIFIED if told_about else Deed.NO_SHOW_YET


def invalidate_get_session_token_view_cache(session_id: str) -> None:
    """Make the cached answers of the session token view stale.

    Flow: notify_stream_authorized -> invalidate_get_session_token_view_cache
    """
    raise_cache_version(session_id)


def _tell_streamer(payload: GoalPayload) -> StreamerEvent:
    event = StreamerEvent.of(payload)
    notify_goal.enqueue(event.name, payload.goal_id, event.streamer_id, as_json(event.data), subject=payload.goal_id)
    return event


def _tell_payers(payload: GoalPayload, event: StreamerEvent) -> None:
    """Queue the event for all payers, at the pace of `audience_pace.py`.

    The event is not sent if a later event supersedes it first.
    """
    its_goals = payload.goal_id, payload.context["funding_goal_id"]
    at = next_telling(*its_goals, now=moment_of_writing())
    batch_notify_payers.enqueue(event.name, *its_goals, as_json(event.data), at=at, subject=payload.goal_id)
