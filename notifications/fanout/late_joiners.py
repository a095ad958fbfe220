"""Sends payers who subscribe to their sd channel during a show their credentials again.

Pusher drops an event that nobody is subscribed to, and keeps none. It reports by webhook who subscribes. Webhooks come
late, twice and in any order, and all at once when Pusher has restarted. So what is sent depends only on when the viewer
subscribed and when the event was last sent to that viewer (docs/adr/0041-late-joiners.md).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import NamedTuple

from bson import ObjectId
from pymongo import UpdateOne

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
from notifications.tasks import send_chunk
from sessions_app.models import Session, SessionStatus
from taskqueue.durable import durable

SESSIONS = Session._meta.db_table
GOALS = Goal._meta.db_table
# A viewer is let in again at most once in this time.
AT_MOST_EVERY = timedelta(seconds=10)
# How much the clocks of Pusher and of this host may differ.
CLOCKS_DIFFER = timedelta(seconds=1)
# The chunks of so many viewers are looked up one by one; those of more viewers in one stretch.
FEW = 20
UNREAD = ("payload", "streamer_id", "name")

# The moment at which each viewer subscribed, by (streamer, viewer).
Joins = Mapping[tuple[str, str], datetime]
# The same of one show, by viewer.
Joined = dict[str, datetime]


class Redelivery(NamedTuple):
    """The viewers of a chunk, by position, to whom the event goes again."""

    chunk: NotificationChunk
    positions: set[int]


@durable
def let_late_joiners_in(time_ms: int, members: str) -> int:
    """Send the current `stream.authorized` again to the viewers who subscribed to their sd channels, if they need it.

    `members` has a line for each, the streamer's id and the viewer's; `time_ms` is when Pusher reported them. Viewers
    who have not paid, and shows that are not live, are passed over. Returns how many events go out again. Idempotent.
    """
    joined_at = min(datetime.fromtimestamp(time_ms / 1000, tz=UTC), now := datetime.now(UTC))
    joins = {(line[:24], line[24:]): joined_at for line in members.splitlines()}
    return run_in_transaction(partial(_send_again, joins, now=now))


def as_line(streamer_id: str, viewer_id: str) -> str:
    """Return the line of `let_late_joiners_in` for a viewer."""
    return f"{streamer_id}{viewer_id}"


def _send_again(joins: Joins, *, now: datetime) -> int:
    """Plan the events again and queue their chunks, with one write for each chunk, in the open transaction."""
    shows = _live_shows({streamer for streamer, _viewer in joins}, now=now)
    joined: dict[str, Joined] = defaultdict(dict)
    for (streamer, viewer), moment in joins.items():
        for show in shows.get(streamer, ()):
            joined[str(show.pk)][viewer] = moment
    events = {str(show.pk): _current_event(show) for its_shows in shows.values() for show in its_shows}
    clauses = [clause for goal_id, viewers in joined.items() for clause in _ranges(goal_id, events[goal_id], viewers)]
    if not clauses:
        return 0
    got = _confirmed_lately(joined, events, now=now)
    chunks = find(NotificationChunk, {"$or": clauses}, deferred=UNREAD)
    again = [_redelivery(chunk, joined[chunk.goal_id], got=got) for chunk in chunks]
    return _plan_again([each for each in again if each.positions], now=now)


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
    """Yield the conditions that find the event's chunks that can hold one of the viewers."""
    stretches = ((each, each) for each in viewers) if len(viewers) <= FEW else [(min(viewers), max(viewers))]
    for lowest, highest in stretches:
        yield {"goal_id": goal_id, "first": {"$lte": highest}, "last": {"$gte": lowest}, "event_id": event}


def _confirmed_lately(joined: Mapping[str, Joined], events: Mapping[str, str], *, now: datetime) -> set[str]:
    """Return the ids of the receipts of those viewers whose clients have just confirmed the event."""
    ids = [f"{goal_id}:{viewer}" for goal_id, viewers in joined.items() for viewer in viewers]
    since = int((now - AT_MOST_EVERY).timestamp() * 1000)
    found = collection(RECEIPTS).find({"_id": {"$in": ids}, "last_at": {"$gt": now - AT_MOST_EVERY}})
    return {each["_id"] for each in found if each["received"].get(events[each["_id"].partition(":")[0]], 0) > since}


def _redelivery(chunk: NotificationChunk, joined: Joined, *, got: set[str]) -> Redelivery:
    """Return which of the viewers need the event again."""
    ledger, positions = chunk.ledger, set()
    for viewer, joined_at in joined.items():
        position = ledger.position(viewer) if chunk.first <= viewer <= chunk.last else None
        if position is not None and f"{chunk.goal_id}:{viewer}" not in got and _needs(chunk, position, joined_at):
            positions.add(position)
    return Redelivery(chunk, positions)


def _needs(chunk: NotificationChunk, position: int, joined_at: datetime) -> bool:
    """Tell whether the event must go out again to a viewer who subscribed at that moment.

    It need not if it was sent while the viewer was subscribed, if an attempt that has yet to begin will send it, or if
    it was sent again less than AT_MOST_EVERY before. It must not if it was refused, or the viewer is excluded.
    """
    letter = chunk.ledger.states[position]
    if not chunk.attempts or letter not in TO_SEND | {SENT}:
        return False
    rejoined_at = _rejoined(chunk).at(position)
    if rejoined_at is not None:
        return joined_at >= rejoined_at + AT_MOST_EVERY
    return joined_at >= _sent_after(chunk, chunk.ledger.marked_in[position]) - CLOCKS_DIFFER


def _sent_after(chunk: NotificationChunk, attempt: int) -> datetime:
    """Return a moment before the attempt, or the latest if 0, began to send: as late a moment as is known."""
    planned_at: datetime = chunk.planned_at
    if attempt in (0, chunk.attempts):
        return chunk.last_attempt_at or planned_at
    before = chunk.settled_at[attempt - 2] if 1 < attempt < LAST_ATTEMPT else None
    return before or planned_at


def _rejoined(chunk: NotificationChunk) -> Rejoined:
    return Rejoined(chunk.planned_at, bytes(chunk.rejoined or b""))


def _plan_again(redeliveries: Sequence[Redelivery], *, now: datetime) -> int:
    if not redeliveries:
        return 0
    writes = []
    for chunk, positions in redeliveries:
        ledger = chunk.ledger.again(positions)
        rejoined = _rejoined(chunk).noted(positions, now=now, viewers=len(ledger))
        changes = {
            "states": ledger.states,
            "redeliveries": ledger.redeliveries,
            "rejoined": rejoined.column,
            "sent_at": None,
        }
        writes.append(UpdateOne({"_id": chunk.pk}, {"$set": changes}))
    collection(CHUNKS).bulk_write(writes, ordered=False)
    for chunk, _positions in redeliveries:
        send_chunk.enqueue(chunk.pk, subject=chunk.goal_id)
    return sum(len(positions) for _chunk, positions in redeliveries)
