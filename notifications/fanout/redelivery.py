"""Redelivers `stream.authorized`, with the event_id that it had."""

from collections.abc import Sequence
from datetime import datetime

from django.utils.translation import gettext_lazy as _

from config.errors import ProductError, raises
from goals.errors import AlreadyEnded, NotStarted
from goals.event_ids import event_id
from goals.models import Goal, TimelineKind
from goals.states import GoalStatus
from goals.timeline import record
from mongodb.collections import collection
from notifications.events import PREVIEW, SD, STREAM_AUTHORIZED
from notifications.fanout.ledger import Ledger, State
from notifications.models import CHUNKS, EVENTS, NotificationChunk
from notifications.tasks import batch_notify_stream_authorized, send_chunk
from showgoals.folds import fold_into_breakdown
from showgoals.payments import payment_of


class ViewerNotFound(ProductError):
    """The viewer has not paid for the show."""

    code = "viewer_not_found"
    status = 404
    detail = _("This viewer has not paid for the show.")


@raises(ViewerNotFound, NotStarted, AlreadyEnded)
def redeliver_to(show: Goal, viewer_id: str, *, now: datetime) -> int:
    """Send both events to one viewer again, even if they were sent. Return how many events will go out.

    A viewer who paid after planning is planned now. Runs in the caller's transaction.
    """
    events = _current_events(show, now=now)
    chunks = [
        chunk
        for chunk in NotificationChunk.possibly_with(viewer_id, goal_id=str(show.pk)).filter(event_id__in=events)
        if chunk.ledger.entry(viewer_id)
    ]
    if len(chunks) < len(events):
        _plan_missing(show)
        if not chunks and not payment_of(viewer_id, show.context.funding_goal_id).is_listed:
            raise ViewerNotFound(goal_id=str(show.pk), viewer_id=viewer_id)
    _send_again(show, [(chunk, chunk.ledger.again_for(viewer_id)) for chunk in chunks])
    return _recorded(show, len(events))


@raises(NotStarted, AlreadyEnded)
def redeliver_unsent(show: Goal, *, now: datetime) -> int:
    """Send every event that was not acknowledged again, and plan missing viewers. Return how many go out again.

    Runs in the caller's transaction.
    """
    events = _current_events(show, now=now)
    unsent = NotificationChunk.objects.filter(goal_id=str(show.pk), event_id__in=events, sent_at=None)
    changes = [(chunk, chunk.ledger.again_for_failed()) for chunk in unsent]
    _plan_missing(show)
    _send_again(show, changes)
    return _recorded(show, sum(len(ledger) - ledger.counts()[State.SENT] for _chunk, ledger in changes))


def _current_events(show: Goal, *, now: datetime) -> list[str]:
    """Return the ids of both events of the show's present access. Raise an error unless the show is live."""
    status = show.status(now)
    if status == GoalStatus.ENDED or (status == GoalStatus.LIVE and now >= show.window[1]):
        raise AlreadyEnded(goal_id=str(show.pk))
    if status != GoalStatus.LIVE:
        raise NotStarted(goal_id=str(show.pk))
    generation = show.access_generation
    return [event_id(str(show.pk), STREAM_AUTHORIZED, preset=preset, generation=generation) for preset in (PREVIEW, SD)]


def _plan_missing(show: Goal) -> None:
    """Plan the viewers who have paid since the show started. Planning skips viewers who are planned already."""
    funding_goal_id = show.context.funding_goal_id
    fold_into_breakdown(funding_goal_id)
    batch_notify_stream_authorized.enqueue(str(show.pk), funding_goal_id, subject=str(show.pk))


def _send_again(show: Goal, changes: Sequence[tuple[NotificationChunk, Ledger]]) -> None:
    if not changes:
        return
    for chunk, ledger in changes:
        if ledger != chunk.ledger:
            collection(CHUNKS).update_one({"_id": chunk.pk}, {"$set": {"states": ledger.states, "sent_at": None}})
    events = {chunk.event_id for chunk, _changed in changes}
    collection(EVENTS).update_many({"_id": {"$in": list(events)}}, {"$set": {"sent_at": None}})
    send_chunk.enqueue_many([(chunk.pk,) for chunk, _changed in changes], subject=str(show.pk))


def _recorded(show: Goal, events: int) -> int:
    record(str(show.pk), TimelineKind.DELIVERY, STREAM_AUTHORIZED, "redelivery", f"{events} events")
    return events
