"""The queued tasks that send events: to a streamer's three channels, and to every viewer of a show."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

from bson import ObjectId

from goals.models import Goal, TimelineKind
from goals.payloads import CancelReason, GoalCancelled, GoalLapsed, GoalPayload, LapseReason
from goals.states import CANCELLED, LIVE
from goals.timeline import record
from mongodb.transactions import run_in_transaction
from notifications.events import (
    GOAL_CANCELLED,
    GOAL_LAPSED,
    GOAL_STARTED,
    PREVIEW,
    SD,
    STREAM_AUTHORIZED,
    Payload,
    authorized_payload,
    goal_event,
)
from notifications.fanout.attempts import attempt, close
from notifications.fanout.planning import ViewerEvent, pack_audience, plan_audience
from notifications.fanout.sending import goal_of, reason_not_to_send
from notifications.former_messages import former_event, version_for
from notifications.models import NotificationChunk
from notifications.streamer_events import StreamerEvent
from notifications.superseded import is_superseded
from notifications.telling import send_to_streamers
from showgoals.queries import awaiting_show, stream_viewers
from taskqueue.calls import Call, Outcome
from taskqueue.durable import bulk, durable
from taskqueue.queues import Queue

# One call of Pusher's takes ten events; sixteen calls are under way at a time.
EVENTS_AT_ONCE = 100
# How long the task for late payers waits for the task for all others.
ASK_AGAIN_AFTER = timedelta(seconds=1)
# The streamer whose channels the events go to, and the viewers.
Audience = tuple[str, Iterable[str]]


@bulk(Queue.TELL, most=EVENTS_AT_ONCE)
def notify_goal(calls: Sequence[Call]) -> list[Outcome]:
    """Send `goal.*` events to the streamers' channels: `notify_goal(name, goal_id, streamer_id, data)`.

    An event that is superseded is not sent. Idempotent: a rerun sends the same event_id.
    Flow: goal.started -> notify_show_goal_started
    """
    return send_to_streamers(calls, [_streamer_event(*map(str, call.args)) for call in calls])


@bulk(Queue.TELL, most=EVENTS_AT_ONCE, rank=1)
def notify_progress(calls: Sequence[Call]) -> list[Outcome]:
    """Send `goal.progressed` as `notify_goal` does, unless the goal has collected more since: that is told, too."""
    return send_to_streamers(calls, [StreamerEvent.from_line(str(call.args[0])) for call in calls])


@durable
def notify_added_at_once(line: str) -> None:
    """Do what `notify_goal` does, for messages that an earlier release has queued."""
    notify_goal(*StreamerEvent.from_line(line).as_arguments())


@durable
def notify_goals_started(lines: str) -> None:
    """Do what `notify_goal` does for several shows, for messages that an earlier release has queued."""
    for line in lines.splitlines() if lines.startswith("[") else ():
        notify_goal(*StreamerEvent.from_line(line).as_arguments())
    for goal_id in () if lines.startswith("[") else lines.split():
        notify_goal(GOAL_STARTED, goal_id)


@durable
def batch_notify_stream_authorized(goal_id: str, funding_goal_id: str, version: int = 0, exp: int = 0) -> str:
    """Plan `stream.authorized`, preview and sd, for every viewer who paid. Idempotent: a rerun adds missing viewers.

    `version` is the goal's version that began the access, `exp` when the access ends (Unix seconds). If the access has
    moved since, nothing is planned: the task that was queued with the move does it.
    Flow: goal.started -> notify_stream_authorized -> batch notify (preview), batch notify (sd)
    """
    return _plan_access(goal_id, funding_goal_id, version=version, exp=exp)


@durable
def batch_notify_payers(name: str, goal_id: str, funding_goal_id: str, data: str) -> str:
    """Plan a `goal.*` event for the preview channel of every viewer who paid, unless it is superseded. Idempotent."""
    return _plan_for_payers(name, goal_id, funding_goal_id, json.loads(data))


@durable
def notify_late_payers(goal_id: str) -> str:
    """Plan for payers who were listed late what the other payers have been told. Planned viewers are left out.

    The goal is their show, or their funding goal that has lapsed. If the show has not started, its start will find
    them. If the other payers have not been told yet, the task waits until that is planned. Idempotent.
    """
    if batch_notify_payers.is_queued(goal_id):
        notify_late_payers.enqueue(goal_id, at=datetime.now(UTC) + ASK_AGAIN_AFTER, subject=goal_id)
        return "waits"
    show = Goal.objects.get(pk=goal_id)
    if show.lapsed_version is not None and show.settlement is not None:
        # Unless there were payers at the lapse, nothing is planned, and the total that the streamer was told is 0.
        lapsed = replace(
            GoalLapsed.of(show, reason=LapseReason(show.settlement.reason), total=0), version=show.lapsed_version
        )
        told = _as_planned(lapsed, show.lapsed_version)
        return _plan_for_payers(GOAL_LAPSED, goal_id, goal_id, told)
    funding_goal_id = show.context.funding_goal_id
    if LIVE.holds(show) and show.access_exp is not None:
        return _plan_access(goal_id, funding_goal_id, version=show.version, exp=int(show.access_exp.timestamp()))
    if CANCELLED.holds(show) and show.cancelled_version is not None:
        reason = CancelReason(show.cancel_reason or CancelReason.CANCELLED)  # an earlier release stores none
        told = _as_planned(GoalCancelled.of(show, reason=reason), show.cancelled_version)
        return _plan_for_payers(GOAL_CANCELLED, goal_id, funding_goal_id, told)
    return "nothing_to_plan"


@durable
def batch_notify_cancelled(goal_id: str, funding_goal_id: str) -> str:
    """Do what `batch_notify_payers` does, for messages that an earlier release has queued."""
    event = former_event(GOAL_CANCELLED, goal_id)
    return _plan_for_payers(event.name, goal_id, funding_goal_id, event.data)


@durable
def send_chunk(chunk_id: str) -> str:
    """Send a chunk's event to the viewers who have not got it. A rerun sends only what is left, with the same event_id.

    Raises TransportError: a passing one if viewers are left, else a permanent one if the vendor refused some.
    """
    return attempt(chunk_id)


@durable
def close_deliveries(goal_id: str) -> int:
    """Settle the viewers who were not told before their show ended. Return how many they are. Idempotent.

    They would stay unsettled if the queue has given up the messages of their chunks.
    """
    now = datetime.now(UTC)
    closed = 0
    for chunk in NotificationChunk.objects.filter(goal_id=goal_id, sent_at=None):
        if reason := reason_not_to_send(chunk, goal_of(chunk), now=now):
            closed += run_in_transaction(partial(close, chunk, reason, now=now))
    return closed


def _streamer_event(name: str, goal_id: str, streamer_id: str = "", data: str = "") -> StreamerEvent:
    return StreamerEvent(name, streamer_id, json.loads(data)) if data else former_event(name, goal_id)


def _note_superseded(goal_id: str, name: str) -> str:
    record(goal_id, TimelineKind.DELIVERY, name, "superseded")
    return "superseded"


def _plan_access(goal_id: str, funding_goal_id: str, *, version: int, exp: int) -> str:
    show = awaiting_show(goal_id, funding_goal_id)
    if exp and exp != int(show.exp.timestamp()):
        return _note_superseded(goal_id, STREAM_AUTHORIZED)
    version = version or version_for(goal_id, show)
    payloads = {preset: authorized_payload(goal_id, version, show, preset) for preset in (PREVIEW, SD)}
    return _plan(goal_id, (show.streamer_id, show.viewers), STREAM_AUTHORIZED, payloads)


def _as_planned(payload: GoalPayload, version: int) -> Payload:
    """Return the event that other payers got of a fact of this version, or if there is none the one of the payload."""
    _name, told = goal_event(replace(payload, version=version))
    planned = NotificationChunk.objects.filter(pk=f"{told['event_id']}:0").first()
    return planned.payload if planned else goal_event(payload)[1]


def _plan_for_payers(name: str, goal_id: str, funding_goal_id: str, payload: Payload) -> str:
    goal = Goal.objects.get(pk=goal_id)
    if is_superseded(name, payload, goal, to_payers=True):
        return _note_superseded(goal_id, name)
    if goal_id == funding_goal_id:  # an event of the funding goal itself, which may have no show
        audience: Audience = (goal.metadata.user_id, stream_viewers(ObjectId(funding_goal_id)))
    else:
        show = awaiting_show(goal_id, funding_goal_id)
        audience = (show.streamer_id, show.viewers)
    return _plan(goal_id, audience, name, {PREVIEW: payload})


def _plan(goal_id: str, audience: Audience, name: str, payloads: dict[str, Payload]) -> str:
    """Plan one event for each preset."""
    streamer_id, viewers = audience
    events = [
        ViewerEvent(goal_id=goal_id, streamer_id=streamer_id, name=name, preset=preset, payload=payload)
        for preset, payload in payloads.items()
    ]
    packed = pack_audience(goal_id, viewers)
    return "planned" if plan_audience(events, packed, send=send_chunk, now=datetime.now(UTC)) else "nothing_to_plan"
