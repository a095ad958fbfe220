"""Sends payers their credentials again if they subscribe to their sd channels during a show.

Pusher drops an event if nobody is subscribed to its channel. A webhook of Pusher reports each subscription. Webhooks
may arrive late, twice, or in any order, and many arrive at once after a restart of Pusher. So only two moments count:
when the viewer subscribed, and when the event was last sent to that viewer (docs/adr/0041-late-joiners.md).
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

from bson import ObjectId
from pymongo import UpdateOne

from config import clock
from goals.event_ids import event_id
from goals.kinds import GoalKind
from goals.models import DEFERRED, Goal
from goals.states import LIVE
from mongodb.collections import Document, collection
from mongodb.documents import find
from mongodb.transactions import run_in_transaction
from notifications.events import SD, STREAM_AUTHORIZED
from notifications.fanout.ledger import LAST_ATTEMPT, SENT, TO_SEND
from notifications.fanout.rejoined import Rejoined
from notifications.models import CHUNKS, RECEIPTS, NotificationChunk
from notifications.tasks import SENDERS
from sessions_app.models import Session, SessionStatus
from taskqueue.calls import Call, Outcome
from taskqueue.durable import bulk
from taskqueue.queues import Queue

SESSIONS = Session._meta.db_table
GOALS = Goal._meta.db_table
# A viewer gets the credentials again at most once in this time.
AT_MOST_EVERY = timedelta(seconds=10)
# The clocks of Pusher and of this host may differ by this much.
CLOCKS_DIFFER = timedelta(seconds=1)
# For up to this many viewers, each viewer's chunk is looked up separately. For more viewers, one range of chunks is
# read.
FEW = 20
UNREAD = ("payload", "name")
# One webhook of Pusher, a bundle, reports up to a few thousand viewers.
BUNDLES_AT_ONCE, REPORTED_AT_ONCE = 100, 10_000
ID_DIGITS = 24

# The ids of a streamer and of a viewer.
Who = tuple[str, str]
# When each viewer subscribed.
Joins = dict[Who, datetime]
# When each viewer of one show subscribed.
Joined = dict[str, datetime]


class Redelivery(NamedTuple):
    """The viewers of a chunk to whom the event is sent again, by position."""

    chunk: NotificationChunk
    viewers: dict[int, str]


@bulk(Queue.WORK, most=BUNDLES_AT_ONCE, heaviest=REPORTED_AT_ONCE)
def let_late_joiners_in(calls: Sequence[Call]) -> list[Outcome]:
    """Send the current `stream.authorized` again to viewers who have subscribed to their sd channels, if they need it.

    Each call is `let_late_joiners_in(time_ms, members)`. `time_ms` is when Pusher reported the viewers. `members` has a
    line for each viewer, with the ids of the streamer and the viewer. Viewers who have not paid and shows that are not
    live are ignored. The outcome is the number of viewers to whom the event is sent again. Idempotent.
    """
    now = clock.now()
    bundles = [_joins(*call.args, now=now) for call in calls]
    joins: Joins = {}
    for bundle in bundles:
        joins |= {who: max(moment, joins.get(who, moment)) for who, moment in bundle.items()}
    again = run_in_transaction(partial(_send_again, joins, calls, now=now))
    return [len(again & bundle.keys()) for bundle in bundles]


def as_line(streamer_id: str, viewer_id: str) -> str:
    """Return a viewer's line for `let_late_joiners_in`."""
    return f"{streamer_id}{viewer_id}"


def _joins(time_ms: Any, members: Any, *, now: datetime) -> Joins:
    """Return when each viewer of a bundle subscribed. A moment in the future counts as now."""
    moment = now if time_ms >= now.timestamp() * 1000 else datetime.fromtimestamp(time_ms / 1000, tz=UTC)
    return {(line[:ID_DIGITS], line[ID_DIGITS:]): moment for line in members.splitlines()}


def _send_again(joins: Joins, calls: Sequence[Call], *, now: datetime) -> set[Who]:
    """Plan the events again and queue their chunks, in the open transaction. Return the viewers who get an event again.

    Each chunk is written once, however many of its viewers have subscribed.
    """
    for call in calls:
        call.delete_at_commit()
    shows = _live_shows({streamer for streamer, _viewer in joins}, now=now)
    joined: dict[str, Joined] = defaultdict(dict)
    for (streamer, viewer), moment in joins.items():
        for show in shows.get(streamer, ()):
            joined[str(show.pk)][viewer] = moment
    events = {str(show.pk): _current_event(show) for its_shows in shows.values() for show in its_shows}
    clauses = [clause for goal_id, viewers in joined.items() for clause in _ranges(goal_id, events[goal_id], viewers)]
    if not clauses:
        return set()
    _forget_confirmed(joined, events, now=now)
    in_order = {goal_id: sorted(viewers) for goal_id, viewers in joined.items()}
    again = []
    for chunk in find(NotificationChunk, {"$or": clauses}, deferred=UNREAD):
        viewers = in_order[chunk.goal_id]
        theirs = viewers[bisect_left(viewers, chunk.first) : bisect_right(viewers, chunk.last)]
        if found := _who_needs(chunk, {viewer: joined[chunk.goal_id][viewer] for viewer in theirs}):
            again.append(Redelivery(chunk, found))
    _plan_again(again, now=now)
    return {(chunk.streamer_id, viewer) for chunk, viewers in again for viewer in viewers.values()}


def _live_shows(streamers: Iterable[str], *, now: datetime) -> dict[str, list[Goal]]:
    """Return the live shows of the streamers. A show ends with its session, so only live sessions are searched."""
    theirs = {"user": {"$in": [ObjectId(streamer) for streamer in streamers]}, "status": SessionStatus.LIVE.value}
    ids = [
        pair["show_goal"]
        for session in collection(SESSIONS).find(theirs, {"show_goal_pairs": True})
        for pair in session["show_goal_pairs"]
        if pair.get("show_goal") and not pair["show_ended"]
    ]
    shows: dict[str, list[Goal]] = defaultdict(list)
    if ids:
        for show in find(Goal, {"_id": {"$in": ids}, **LIVE.condition(GoalKind.SHOW)}, deferred=DEFERRED):
            if now < show.window[1]:
                shows[show.metadata.user_id].append(show)
    return shows


def _current_event(show: Goal) -> str:
    """Return the id of the event with the credentials for the show's present access."""
    return event_id(str(show.pk), STREAM_AUTHORIZED, show.version, preset=SD)


def _ranges(goal_id: str, event: str, viewers: Joined) -> Iterator[Document]:
    """Yield the conditions that find those chunks of the event that may hold the viewers."""
    stretches = ((each, each) for each in viewers) if len(viewers) <= FEW else [(min(viewers), max(viewers))]
    for lowest, highest in stretches:
        yield {"goal_id": goal_id, "first": {"$lte": highest}, "last": {"$gte": lowest}, "event_id": event}


def _forget_confirmed(joined: Mapping[str, Joined], events: Mapping[str, str], *, now: datetime) -> None:
    """Remove from `joined` the viewers whose clients have just confirmed the event."""
    ids = [f"{goal_id}:{viewer}" for goal_id, viewers in joined.items() for viewer in viewers]
    lately = now - AT_MOST_EVERY
    for receipts in collection(RECEIPTS).find({"_id": {"$in": ids}, "last_at": {"$gt": lately}}):
        goal_id, _colon, viewer = receipts["_id"].partition(":")
        if receipts["received"].get(events[goal_id], 0) > lately.timestamp() * 1000:
            del joined[goal_id][viewer]


def _who_needs(chunk: NotificationChunk, joined: Joined) -> dict[int, str]:
    """Return the viewers to whom the chunk's event must be sent again, by position.

    A viewer is left out if the event was sent while the viewer was subscribed, if it was sent again less than
    AT_MOST_EVERY before the subscription, if the first attempt is yet to come, if the vendor refused the event, or if
    the viewer is excluded.
    """
    ledger, rejoined = chunk.ledger, _rejoined(chunk)
    found = {}
    for viewer, joined_at in joined.items() if chunk.attempts else ():
        position = ledger.position(viewer)
        if position is None or ledger.states[position] not in TO_SEND | {SENT}:
            continue
        if (rejoined_at := rejoined.at(position)) is not None:
            is_due = joined_at >= rejoined_at + AT_MOST_EVERY
        else:
            is_due = joined_at >= _sent_after(chunk, ledger.marked_in[position]) - CLOCKS_DIFFER
        if is_due:
            found[position] = viewer
    return found


def _sent_after(chunk: NotificationChunk, attempt: int) -> datetime:
    """Return the latest known moment before this attempt began to send. Attempt 0 stands for the latest attempt."""
    planned_at: datetime = chunk.planned_at
    if attempt in (0, chunk.attempts):
        return chunk.last_attempt_at or planned_at
    before = chunk.settled_at[attempt - 2] if 1 < attempt < LAST_ATTEMPT else None
    return before or planned_at


def _rejoined(chunk: NotificationChunk) -> Rejoined:
    return Rejoined(chunk.planned_at, bytes(chunk.rejoined or b""))


def _plan_again(redeliveries: Sequence[Redelivery], *, now: datetime) -> None:
    send = SENDERS.for_viewers(sum(len(viewers) for _chunk, viewers in redeliveries))
    writes = []
    for chunk, viewers in redeliveries:
        ledger = chunk.ledger.again_for_late(viewers)
        rejoined = _rejoined(chunk).noted(viewers, now=now, viewers=len(ledger))
        changes = {
            "states": ledger.states,
            "redeliveries": ledger.redeliveries,
            "rejoined": rejoined.column,
            "sent_at": None,
        }
        writes.append(UpdateOne({"_id": chunk.pk}, {"$set": changes}))
        send.enqueue(chunk.pk, subject=chunk.goal_id, weight=len(viewers))
    if writes:
        collection(CHUNKS).bulk_write(writes, ordered=False)
