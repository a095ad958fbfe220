"""Redelivers `stream.authorized` with the same event_id. Its field `redelivery` counts the viewer's redeliveries."""

from collections.abc import Sequence
from datetime import datetime

from django.contrib.auth.models import User
from django.utils.translation import gettext_lazy as _
from pymongo import UpdateOne

from api.audit import Author, record_change
from api.etags import PreconditionFailed
from config.errors import ProductError, raises
from goals.errors import AlreadyEnded, NotStarted
from goals.models import Goal, TimelineKind
from goals.states import GoalStatus
from goals.timeline import record
from mongodb.collections import collection
from notifications.events import STREAM_AUTHORIZED
from notifications.fanout.ledger import AGAIN, Ledger
from notifications.fanout.unsent import count_missing, event_ids_of
from notifications.models import CHUNKS, EVENTS, NotificationChunk, NotificationEvent
from notifications.tasks import SENDERS, batch_notify_stream_authorized
from showgoals.errors import PayerDeactivated, PayerExcluded, ViewerNotFound
from showgoals.exclusions import is_excluded
from showgoals.folds import count_viewers, fold_into_breakdown
from showgoals.payments import payment_of


class RedeliveryInProgress(ProductError):
    """Events of the show wait to be sent, or are being sent."""

    code = "redelivery_in_progress"
    status = 409
    detail = _("The events of this show are being sent. Events that fail are retried automatically.")


SENT_AGAIN_SINCE = _("The events have been sent again since you opened the page.")


@raises(ViewerNotFound, NotStarted, AlreadyEnded, PayerExcluded, PayerDeactivated, RedeliveryInProgress)
def redeliver_to(
    show: Goal,
    viewer_id: str,
    *,
    now: datetime,
    by: Author | None = None,
    reason: str = "",
    if_redeliveries: int | None = None,
) -> int:
    """Send the viewer both events (preview and sd) again, even if Pusher has accepted them.

    Return how many events will go out. If the viewer paid after the planning, the viewer's events are planned now. Only
    one redelivery of a show runs at a time. Raises PreconditionFailed if `if_redeliveries` is given and differs from
    `count_redeliveries(show)`. Runs in the caller's transaction.
    """
    show = Goal.objects.get(pk=show.pk)  # as this transaction sees it
    events = _current_events(show, now=now)
    if is_excluded(viewer_id, show.context.funding_goal_id):
        raise PayerExcluded(goal_id=str(show.pk), viewer_id=viewer_id)
    if User.objects.filter(pk=viewer_id, is_active=False).exists():
        raise PayerDeactivated(goal_id=str(show.pk), viewer_id=viewer_id)
    _begin_redelivery(show, events, if_redeliveries)
    if _is_queued(show) and _is_under_way(show, events):
        raise RedeliveryInProgress(goal_id=str(show.pk))
    chunks = _planned_for(viewer_id, show, events)
    if len(chunks) < len(events):
        fold_into_breakdown(show.context.funding_goal_id)
        if not chunks and not payment_of(viewer_id, show.context.funding_goal_id).is_listed:
            raise ViewerNotFound(goal_id=str(show.pk), viewer_id=viewer_id)
        if not batch_notify_stream_authorized.is_queued(str(show.pk)):
            plan_current_access(show)
    send_again(show, [(chunk, chunk.ledger.again_for(viewer_id)) for chunk in chunks])
    return _recorded(show, len(events), by=by, reason=reason, viewer_id=viewer_id)


@raises(NotStarted, AlreadyEnded, RedeliveryInProgress)
def redeliver_unsent(
    show: Goal, *, now: datetime, by: Author | None = None, reason: str = "", if_redeliveries: int | None = None
) -> int:
    """Send all events that Pusher has not accepted. Return how many events will go out.

    If payers have no planned events yet, their events are planned now. If there is nothing to send, nothing is queued.
    Only one redelivery of a show runs at a time. Raises PreconditionFailed if `if_redeliveries` is given and differs
    from `count_redeliveries(show)`. Runs in the caller's transaction.
    """
    show = Goal.objects.get(pk=show.pk)  # as this transaction sees it
    events = _current_events(show, now=now)
    _begin_redelivery(show, events, if_redeliveries)
    if _is_queued(show):
        raise RedeliveryInProgress(goal_id=str(show.pk))
    unsent = NotificationChunk.objects.filter(goal_id=str(show.pk), event_id__in=events, sent_at=None)
    changes = [(chunk, chunk.ledger.again_for_unsent()) for chunk in unsent]
    fold_into_breakdown(show.context.funding_goal_id)
    missing = count_missing(show, payers=count_viewers(show.context.funding_goal_id))
    if missing and not batch_notify_stream_authorized.is_queued(str(show.pk)):
        plan_current_access(show)
    send_again(show, changes)
    again = sum(1 for _chunk, ledger in changes for _ in ledger.to_send())
    return _recorded(show, again + missing, by=by, reason=reason)


def plans_others(show: Goal, viewer_id: str) -> bool:
    """Tell whether `redeliver_to` plans all payers' events, because one of this viewer's events is not planned yet."""
    events = event_ids_of(show)
    return len(_planned_for(viewer_id, show, events)) < len(events)


def plan_current_access(show: Goal) -> None:
    """Queue the planning of `stream.authorized` for the show's present access.

    Viewers whose events are already planned are left out. While a show is live, its version rises with each change of
    its access, and when the streamer begins. Both plan new events for all payers, so the present version identifies
    the events.
    """
    if show.access_exp is not None:
        access = show.version, int(show.access_exp.timestamp())
        show_id = str(show.pk)
        batch_notify_stream_authorized.enqueue(show_id, show.context.funding_goal_id, *access, subject=show_id)


def _current_events(show: Goal, *, now: datetime) -> list[str]:
    """Return the ids of both events of the show's present access.

    Raise NotStarted or AlreadyEnded unless the show is live.
    """
    status = show.status(now)
    if status == GoalStatus.ENDED or (status == GoalStatus.LIVE and now >= show.window[1]):
        raise AlreadyEnded(goal_id=str(show.pk))
    if status != GoalStatus.LIVE:
        raise NotStarted(goal_id=str(show.pk))
    return event_ids_of(show)


def count_redeliveries(show: Goal) -> int:
    """Return the sum of the redelivery counts of both events of the show's present access.

    Each redelivery raises both counts, so the sum changes with each redelivery.
    """
    counts = NotificationEvent.objects.filter(pk__in=event_ids_of(show)).values_list("redeliveries", flat=True)
    return sum(count or 0 for count in counts)


def _planned_for(viewer_id: str, show: Goal, events: Sequence[str]) -> list[NotificationChunk]:
    """Return those chunks of the events that list the viewer."""
    possible = NotificationChunk.possibly_with(viewer_id, goal_id=str(show.pk)).filter(event_id__in=events)
    return [chunk for chunk in possible if viewer_id in chunk.ledger]


def _begin_redelivery(show: Goal, events: Sequence[str], if_redeliveries: int | None) -> None:
    """Count the redelivery. Raise PreconditionFailed if `if_redeliveries` is given and differs from the count so far.

    If two redeliveries run at the same time, MongoDB aborts one of the transactions. The aborted transaction is run
    again, and then finds that the other redelivery is under way.
    """
    if if_redeliveries is not None and count_redeliveries(show) != if_redeliveries:
        raise PreconditionFailed(SENT_AGAIN_SINCE, goal_id=str(show.pk))
    collection(EVENTS).update_many({"_id": {"$in": list(events)}}, {"$inc": {"redeliveries": 1}})


def _is_queued(show: Goal) -> bool:
    return any(task.is_queued(str(show.pk)) for task in SENDERS)


def _is_under_way(show: Goal, events: Sequence[str]) -> bool:
    """Tell whether an event that was planned again still waits to be sent.

    An event that is sent again only because its viewer subscribed too late does not count.
    """
    asked = {"goal_id": str(show.pk), "event_id": {"$in": list(events)}, "states": {"$regex": AGAIN}}
    return collection(CHUNKS).find_one(asked, {"_id": True}) is not None


def send_again(show: Goal, changes: Sequence[tuple[NotificationChunk, Ledger]]) -> None:
    """Store the chunks with these ledgers, and queue them. Runs in the caller's transaction."""
    if not changes:
        return
    again = [
        UpdateOne(
            {"_id": chunk.pk},
            {"$set": {"states": ledger.states, "redeliveries": ledger.redeliveries, "sent_at": None}},
        )
        for chunk, ledger in changes
    ]
    collection(CHUNKS).bulk_write(again, ordered=False)
    events = {chunk.event_id for chunk, _changed in changes}
    collection(EVENTS).update_many({"_id": {"$in": list(events)}}, {"$set": {"sent_at": None, "closed_as": None}})
    weights = [sum(1 for _ in ledger.to_send()) for _chunk, ledger in changes]
    send = SENDERS.for_viewers(sum(weights))
    for (chunk, _changed), weight in zip(changes, weights, strict=True):
        send.enqueue(chunk.pk, subject=str(show.pk), weight=weight)


def _recorded(show: Goal, events: int, *, by: Author | None, reason: str, viewer_id: str = "") -> int:
    """Record the redelivery on the timeline and, if it has an author, in the change records.

    Record nothing if there are no events. Return the number of events.
    """
    if not events:
        return 0
    detail = f"{events} events, {by}" if by else f"{events} events"
    record(str(show.pk), TimelineKind.DELIVERY, STREAM_AUTHORIZED, "redelivery", detail)
    if by is not None:
        viewer = {"viewer_id": viewer_id} if viewer_id else {}
        about = [show.metadata.user_id, *viewer.values()]
        record_change("redeliver", show, by=by, after={"events": events, **viewer}, about=about, reason=reason)
    return events
