"""The queued tasks that tell people: one for the streamer's channels, two for the viewers."""

from datetime import UTC, datetime

from config.transactions import run_in_transaction
from goals.models import Goal
from goals.timeline import TimelineKind, record
from notifications.backends import get_realtime
from notifications.backends.base import ChannelEvent
from notifications.batch import chunk_events, chunks_of, send
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
from notifications.models import NotificationChunk
from showgoals.queries import awaiting_show
from taskqueue.durable import durable, durable_start


@durable
def notify_goal(name: str, goal_id: str) -> None:
    """Send one `goal.*` event to the streamer's three channels. Again: the same event_id again."""
    goal = Goal.objects.get(pk=goal_id)
    channels = streamer_channels(goal.metadata.user_id)
    get_realtime().trigger(channels, name, as_json(goal_payload(name, goal)))
    record(goal_id, TimelineKind.DELIVERY, name, "sent", f"{len(channels)} channels")


@durable_start
def notify_goals_started(goal_ids: str) -> None:
    """Send `goal.started` of shows that started together to their streamers' channels. Again: the same event_ids.

    Flow: goal.started -> notify_show_goal_started
    """
    goals = list(Goal.objects.filter(pk__in=goal_ids.split()))
    send(
        ChannelEvent(channel, GOAL_STARTED, as_json(goal_payload(GOAL_STARTED, goal)))
        for goal in goals
        for channel in streamer_channels(goal.metadata.user_id)
    )
    run_in_transaction(lambda: _record_started(goals))


@durable
def batch_notify_stream_authorized(goal_id: str, funding_goal_id: str) -> str:
    """Plan `stream.authorized` for every viewer who paid, preview and sd. Again: nothing is planned twice.

    Flow: goal.started -> notify_stream_authorized -> batch notify (preview), batch notify (sd)
    """
    show = awaiting_show(goal_id, funding_goal_id)
    now = datetime.now(UTC)
    chunks = [
        chunk
        for preset in (PREVIEW, SD)
        for chunk in chunks_of(
            show,
            goal_id=goal_id,
            name=STREAM_AUTHORIZED,
            preset=preset,
            payload=authorized_payload(goal_id, show, preset),
            now=now,
        )
    ]
    return run_in_transaction(lambda: _plan(goal_id, chunks))


@durable
def batch_notify_cancelled(goal_id: str, funding_goal_id: str) -> str:
    """Plan `goal.cancelled` for the preview channel of every viewer who paid. Again: nothing is planned twice."""
    show = awaiting_show(goal_id, funding_goal_id)
    payload = goal_payload(GOAL_CANCELLED, Goal.objects.get(pk=goal_id))
    now = datetime.now(UTC)
    chunks = chunks_of(show, goal_id=goal_id, name=GOAL_CANCELLED, preset=PREVIEW, payload=payload, now=now)
    return run_in_transaction(lambda: _plan(goal_id, chunks))


@durable
def send_chunk(chunk_id: str) -> str:
    """Send one chunk's events. Again: a chunk that was sent stays so; else the same event_ids go out again."""
    chunk = NotificationChunk.objects.get(pk=chunk_id)
    if chunk.sent_at is not None:
        return "sent_before"
    now = datetime.now(UTC)
    send(chunk_events(chunk, now=int(now.timestamp())))
    NotificationChunk.objects.filter(pk=chunk_id, sent_at=None).update(sent_at=now)
    record(chunk.goal_id, TimelineKind.DELIVERY, chunk.name, "sent", f"{chunk.preset}: {len(chunk.viewers)} viewers")
    return "sent"


def _record_started(goals: list[Goal]) -> None:
    for goal in goals:
        record(str(goal.pk), TimelineKind.DELIVERY, GOAL_STARTED, "sent", "3 channels")


def _plan(goal_id: str, chunks: list[NotificationChunk]) -> str:
    """Insert the chunks with one message each, unless an earlier run did."""
    events = {chunk.event_id for chunk in chunks}
    if not chunks or NotificationChunk.objects.filter(event_id__in=events).exists():
        return "nothing_to_plan"
    NotificationChunk.objects.bulk_create(chunks)
    send_chunk.enqueue_many([(chunk.pk,) for chunk in chunks], subject=goal_id)
    viewers = sum(len(chunk.viewers) for chunk in chunks)
    record(goal_id, TimelineKind.DELIVERY, chunks[0].name, "planned", f"{viewers} events in {len(chunks)} chunks")
    return "planned"
