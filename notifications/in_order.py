"""Keeps events in order: an event waits briefly for the first attempt to send the previous event.

The wait is short, because it keeps a worker from other work, and the earlier event may fail or hang. Clients can
restore the right order by the version in each event.
"""

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import timedelta

from bson import ObjectId
from django.conf import settings

from config import clock
from goals.event_ids import event_id
from mongodb.collections import Document, collection
from notifications.events import PREVIEW, SD, STREAM_AUTHORIZED
from notifications.models import CHUNKS, NotificationChunk
from taskqueue.calls import Call
from taskqueue.messages import is_at_first_attempt

GLANCE_SECONDS = 0.005
NEW_FOR = timedelta(seconds=2)
# The task that sends `goal.added`.
SENDING_ADDED = ("notify_goal",)


def wait_for_added(goal_ids: Iterable[str], *, besides: Sequence[Call]) -> None:
    """Wait for the first attempts to send `goal.added`, if the goals were created a moment ago.

    `besides` are the calls that are waiting here. Their own messages are ignored.
    """
    new = [goal_id for goal_id in goal_ids if ObjectId(goal_id).generation_time > clock.now() - NEW_FOR]
    if new:
        own = [call.message_id for call in besides if call.message_id]
        _wait_while(lambda: is_at_first_attempt(SENDING_ADDED, new, besides=own))


def preview_before(chunk: NotificationChunk) -> str | None:
    """Return the id of the preview chunk for the same viewers, if this is the first attempt at an sd chunk.

    Otherwise, return None. Also return None if an earlier release has planned the chunk without a version.
    """
    if chunk.preset != SD or chunk.name != STREAM_AUTHORIZED or chunk.attempts > 1 or "version" not in chunk.payload:
        return None
    preview = event_id(chunk.goal_id, STREAM_AUTHORIZED, chunk.payload["version"], preset=PREVIEW)
    return f"{preview}:{chunk.pk.rpartition(':')[2]}"


def at_first_attempt(chunk_ids: Collection[str]) -> set[str]:
    """Return the ids of the chunks whose first attempt has not ended, or has not even begun."""
    unsettled: Document = {"settled_at": [], "attempts": {"$lte": 1}, "sent_at": None}
    found = collection(CHUNKS).find({"_id": {"$in": list(chunk_ids)}, **unsettled}, {"_id": True})
    return {chunk["_id"] for chunk in found}


def _wait_while(is_busy: Callable[[], bool]) -> None:
    for _glance in range(int(settings.ORDER_PATIENCE_SECONDS / GLANCE_SECONDS)):
        if not is_busy():
            return
        time.sleep(GLANCE_SECONDS)
