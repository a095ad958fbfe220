"""The queued tasks that tell people: one for the streamer's channels, two for the viewers."""

from collections import Counter
from datetime import UTC, datetime

from bson import ObjectId

from config.errors import TransportError
from goals.models import DEFERRED, Goal
from goals.timeline import TimelineKind, record, record_each
from mongodb.documents import find
from notifications.backends.base import ChannelEvent
from notifications.channels import streamer_channels
from notifications.events import (
    GOAL_CANCELLED,
    GOAL_STARTED,
    PREVIEW,
    SD,
    STREAM_AUTHORIZED,
    as_json,
    authorized_payload,
    goal_payload,
)
from notifications.fanout.attempts import Settled, begin_attempt, note_all_sent, settle_attempt
from notifications.fanout.ledger import State
from notifications.fanout.planning import ViewerEvent, pack_audience, plan_audience
from notifications.fanout.sending import deliver_chunk, is_too_late, send
from notifications.models import NotificationChunk
from showgoals.queries import awaiting_show
from taskqueue.durable import durable, durable_start


@durable
def notify_goal(name: str, goal_id: str) -> None:
    """Send one `goal.*` event to the streamer's three channels. Again: the same event_id again."""
    goal = Goal.objects.get(pk=goal_id)
    send(_to_streamer(name, goal))
    record(goal_id, TimelineKind.DELIVERY, name, "sent", "3 channels")


@durable_start
def notify_goals_started(goal_ids: str) -> None:
    """Send `goal.started` of shows that started together to their streamers' channels. Again: the same event_ids.

    Flow: goal.started -> notify_show_goal_started
    """
    ids = [ObjectId(goal_id) for goal_id in goal_ids.split()]
    goals = find(Goal, {"_id": {"$in": ids}}, deferred=DEFERRED)
    send(event for goal in goals for event in _to_streamer(GOAL_STARTED, goal))
    record_each((str(goal.pk) for goal in goals), TimelineKind.DELIVERY, GOAL_STARTED, "sent", "3 channels")


@durable
def batch_notify_stream_authorized(goal_id: str, funding_goal_id: str) -> str:
    """Plan `stream.authorized` for every viewer who paid, preview and sd. Again: only for whom it isn't planned yet.

    Flow: goal.started -> notify_stream_authorized -> batch notify (preview), batch notify (sd)
    """
    show = awaiting_show(goal_id, funding_goal_id)
    events = [
        ViewerEvent(
            goal_id=goal_id,
            streamer_id=show.streamer_id,
            name=STREAM_AUTHORIZED,
            preset=preset,
            payload=authorized_payload(goal_id, show, preset),
        )
        for preset in (PREVIEW, SD)
    ]
    return _plan(events, pack_audience(goal_id, show.viewers))


@durable
def batch_notify_cancelled(goal_id: str, funding_goal_id: str) -> str:
    """Plan `goal.cancelled` for the preview channel of every viewer who paid. Again: nothing is planned twice."""
    show = awaiting_show(goal_id, funding_goal_id)
    payload = goal_payload(GOAL_CANCELLED, Goal.objects.get(pk=goal_id))
    event = ViewerEvent(
        goal_id=goal_id, streamer_id=show.streamer_id, name=GOAL_CANCELLED, preset=PREVIEW, payload=payload
    )
    return _plan([event], pack_audience(goal_id, show.viewers))


@durable
def send_chunk(chunk_id: str) -> str:
    """Send one chunk's event to those who have not got it. Again: only to who is left, with the same event_id.

    Raises TransportError: permanent when somebody's event was refused for good, else when somebody is left.
    """
    now = datetime.now(UTC)
    chunk = begin_attempt(chunk_id, now=now)
    if not any(True for _ in chunk.ledger.to_send()):
        note_all_sent(chunk.goal_id, chunk.event_id, now=now)
        return "sent_before" if chunk.ledger.is_sent else "failed_before"
    if is_too_late(chunk, now=now):
        return _give_up(chunk)
    outcomes = deliver_chunk(chunk, now=now)
    settled = settle_attempt(chunk, outcomes, now=datetime.now(UTC))
    return _conclude(chunk, settled, refused=Counter(outcomes.values())[State.FAILED])


def _to_streamer(name: str, goal: Goal) -> list[ChannelEvent]:
    """Return the event for each of the streamer's three channels."""
    data = as_json(goal_payload(name, goal))
    return [ChannelEvent(channel, name, data) for channel in streamer_channels(goal.metadata.user_id)]


def _plan(events: list[ViewerEvent], audience: bytes) -> str:
    added = plan_audience(events, audience, send=send_chunk, now=datetime.now(UTC))
    return "planned" if added else "nothing_to_plan"


def _give_up(chunk: NotificationChunk) -> str:
    left = sum(1 for _ in chunk.ledger.to_send())
    record(chunk.goal_id, TimelineKind.DELIVERY, chunk.name, "too_late", f"{chunk.preset}: {left} viewers")
    return "too_late"


def _conclude(chunk: NotificationChunk, settled: Settled, *, refused: int) -> str:
    """Have the queue try again what is left, and keep what was refused among the failed tasks."""
    if left := sum(1 for _ in settled.ledger.to_send()):
        reason = f"{left} of {len(settled.ledger)} viewers are left."
        raise TransportError(reason, permanent=False, chunk_id=chunk.pk, attempt=str(chunk.attempts))
    if refused:
        raise TransportError(f"{refused} viewers were refused.", permanent=True, chunk_id=chunk.pk)
    if not settled.all_noted:
        note_all_sent(chunk.goal_id, chunk.event_id, now=datetime.now(UTC))
    return "sent"
