"""The queued tasks that send events: to a streamer's three channels, and to every viewer of a show."""

from datetime import UTC, datetime

from bson import ObjectId

from goals.models import DEFERRED, Goal, TimelineKind
from goals.timeline import record, record_each
from mongodb.documents import find
from notifications.backends.base import ChannelEvent
from notifications.channels import streamer_channels
from notifications.events import (
    GOAL_CANCELLED,
    GOAL_STARTED,
    PREVIEW,
    SD,
    STREAM_AUTHORIZED,
    Payload,
    as_json,
    authorized_payload,
    goal_payload,
)
from notifications.fanout.attempts import attempt
from notifications.fanout.planning import ViewerEvent, pack_audience, plan_audience
from notifications.fanout.sending import send
from showgoals.queries import AwaitingShow, awaiting_show
from taskqueue.durable import durable, durable_start


@durable
def notify_goal(name: str, goal_id: str) -> None:
    """Send a `goal.*` event to the streamer's three channels. Every run sends it with the same event_id."""
    send(_to_streamer(name, Goal.objects.get(pk=goal_id)))
    record(goal_id, TimelineKind.DELIVERY, name, "sent", "3 channels")


@durable_start
def notify_goals_started(goal_ids: str) -> None:
    """Send `goal.started` of shows that started together. Every run sends them with the same event_ids.

    Flow: goal.started -> notify_show_goal_started
    """
    ids = [ObjectId(goal_id) for goal_id in goal_ids.split()]
    goals = find(Goal, {"_id": {"$in": ids}}, deferred=DEFERRED)
    send(event for goal in goals for event in _to_streamer(GOAL_STARTED, goal))
    record_each((str(goal.pk) for goal in goals), TimelineKind.DELIVERY, GOAL_STARTED, "sent", "3 channels")


@durable
def batch_notify_stream_authorized(goal_id: str, funding_goal_id: str) -> str:
    """Plan `stream.authorized`, preview and sd, for every viewer who paid. Idempotent: a rerun adds missing viewers.

    Flow: goal.started -> notify_stream_authorized -> batch notify (preview), batch notify (sd)
    """
    show = awaiting_show(goal_id, funding_goal_id)
    payloads = {preset: authorized_payload(goal_id, show, preset) for preset in (PREVIEW, SD)}
    return _plan(goal_id, show, STREAM_AUTHORIZED, payloads)


@durable
def batch_notify_cancelled(goal_id: str, funding_goal_id: str) -> str:
    """Plan `goal.cancelled` for the preview channel of every viewer who paid. Idempotent."""
    show = awaiting_show(goal_id, funding_goal_id)
    payload = goal_payload(GOAL_CANCELLED, Goal.objects.get(pk=goal_id))
    return _plan(goal_id, show, GOAL_CANCELLED, {PREVIEW: payload})


@durable
def send_chunk(chunk_id: str) -> str:
    """Send a chunk's event to the viewers who have not got it. A rerun sends only what is left, with the same event_id.

    Raises TransportError: a passing one if viewers are left, else a permanent one if the vendor refused some.
    """
    return attempt(chunk_id)


def _to_streamer(name: str, goal: Goal) -> list[ChannelEvent]:
    """Return the event for each of the streamer's three channels."""
    data = as_json(goal_payload(name, goal))
    return [ChannelEvent(channel, name, data) for channel in streamer_channels(goal.metadata.user_id)]


def _plan(goal_id: str, show: AwaitingShow, name: str, payloads: dict[str, Payload]) -> str:
    """Plan one event for each preset."""
    events = [
        ViewerEvent(goal_id=goal_id, streamer_id=show.streamer_id, name=name, preset=preset, payload=payload)
        for preset, payload in payloads.items()
    ]
    audience = pack_audience(goal_id, show.viewers)
    return "planned" if plan_audience(events, audience, send=send_chunk, now=datetime.now(UTC)) else "nothing_to_plan"
