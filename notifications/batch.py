"""The batch notifier: cuts an audience into chunks, mints credentials, sends with bounded concurrency."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from django.conf import settings

from notifications.backends import get_realtime
from notifications.backends.base import ChannelEvent
from notifications.channels import viewer_channel
from notifications.events import SD, Payload, as_json
from notifications.models import NotificationChunk
from notifications.planner import Batch, Trigger, plan
from sessions_app.credentials import PaidWindow, sd_credentials
from showgoals.queries import AwaitingShow


def chunks_of(
    show: AwaitingShow, *, goal_id: str, name: str, preset: str, payload: Payload, now: datetime
) -> list[NotificationChunk]:
    """Return the chunks that bring one event to all viewers of the show."""
    size = settings.NOTIFY_CHUNK
    return [
        NotificationChunk(
            id=f"{payload['event_id']}:{index}",
            event_id=payload["event_id"],
            goal_id=goal_id,
            streamer_id=show.streamer_id,
            name=name,
            preset=preset,
            payload=payload,
            viewers=list(show.viewers[start : start + size]),
            planned_at=now,
        )
        for index, start in enumerate(range(0, len(show.viewers), size))
    ]


def chunk_events(chunk: NotificationChunk, *, now: int) -> Iterator[ChannelEvent]:
    """Yield a chunk's events, one a viewer; those of `sd` carry that viewer's own credentials."""
    common = as_json(chunk.payload)
    for viewer_id in chunk.viewers:
        data = as_json({**chunk.payload, **_credentials(chunk, viewer_id, now=now)}) if chunk.preset == SD else common
        yield ChannelEvent(viewer_channel(chunk.streamer_id, chunk.preset, viewer_id), chunk.name, data)


def send(events: Iterable[ChannelEvent]) -> None:
    """Send the events in as few calls as the vendor allows, NOTIFY_CONCURRENCY at a time.

    All calls are tried; then the first TransportError is raised.
    """
    with ThreadPoolExecutor(settings.NOTIFY_CONCURRENCY) as pool:
        for _done in pool.map(_send_call, plan(events)):
            pass


def _send_call(call: Trigger | Batch) -> None:
    match call:
        case Trigger(channels, name, data):
            get_realtime().trigger(channels, name, data)
        case Batch(events):
            get_realtime().trigger_batch(events)


def _credentials(chunk: NotificationChunk, viewer_id: str, *, now: int) -> Payload:
    window = PaidWindow(
        goal_id=chunk.goal_id,
        session_id=chunk.payload["session_id"],
        streamer_id=chunk.streamer_id,
        nbf=chunk.payload["nbf"],
        exp=chunk.payload["exp"],
    )
    return sd_credentials(window, viewer_id, now=now)
