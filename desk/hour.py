"""The last hour in steps of five minutes: how late shows have started, and how many events were sent to viewers.

Only the newest shows and chunks are read, so that the page stays quick on an evening with thousands of shows. A chunk
has one event for up to `NOTIFY_CHUNK` viewers. If not everything was read, the steps that are incomplete are left out.
The last step is never left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median

from mongodb.collections import Document, collection
from notifications.fanout.ledger import STATES, UNSENT, State
from notifications.models import CHUNKS
from sessions_app.models import Recording

STEP = timedelta(minutes=5)
STEPS = 12
MOST_STARTS = MOST_CHUNKS = 1000
_SENT = {letter for letter, state in STATES.items() if state is State.SENT}


@dataclass(frozen=True, slots=True)
class Starts:
    """The number of shows that started within one step, and their median and highest lateness in seconds."""

    begins_at: datetime
    count: int
    median: float
    latest: float


@dataclass(frozen=True, slots=True)
class Deliveries:
    """The events for viewers that were planned within one step. An event for two viewers counts twice."""

    begins_at: datetime
    sent: int
    unsent: int


def starts_of_last_hour(*, now: datetime) -> list[Starts]:
    """Return the steps that were read completely, earliest first.

    The shows are found by their recordings, because no index has the starts of shows (docs/adr/0031).
    """
    begin = _begin(now)
    lately = collection(Recording._meta.db_table).find({"requested_at": {"$gte": begin}}, {"requested_at": True})
    recordings = list(lately.sort("requested_at", -1).limit(MOST_STARTS + 1))
    first = _first_whole(recordings[-1]["requested_at"], begin) if len(recordings) > MOST_STARTS else 0
    ids = [recording["_id"] for recording in recordings]
    times = {"nbf": True, "created_at": True, "activated_at": True}
    found = collection("goals").find({"_id": {"$in": ids}, "activated_at": {"$gte": begin}}, times) if ids else []
    late: list[list[float]] = [[] for _step in range(STEPS)]
    for show in found:
        late[_step(show["activated_at"], begin)].append(_lateness(show))
    return [
        Starts(begin + step * STEP, len(each), median(each) if each else 0.0, max(each, default=0.0))
        for step, each in enumerate(late)
        if step >= first
    ]


def deliveries_of_last_hour(*, now: datetime) -> list[Deliveries]:
    """Return the steps that were read completely, earliest first."""
    begin = _begin(now)
    found = _counted(begin)
    is_cut = sum(each["chunks"] for each in found) > MOST_CHUNKS
    first = _first_whole(min(each["_id"] for each in found), begin) if is_cut else 0
    counted = {_step(each["_id"], begin): each for each in found}
    return [
        Deliveries(
            begin + step * STEP,
            sum(counted[step][letter] for letter in _SENT) if step in counted else 0,
            sum(counted[step][letter] for letter in UNSENT) if step in counted else 0,
        )
        for step in range(first, STEPS)
    ]


def heights(values: Sequence[float], *, least_top: float) -> list[float]:
    """Return the values as fractions of the highest one, or of `least_top` if all are lower."""
    top = max(*values, least_top)
    return [value / top for value in values]


def _begin(now: datetime) -> datetime:
    """Return the beginning of the first step. The last step is the present one."""
    seconds = int(STEP.total_seconds())
    last = datetime.fromtimestamp(int(now.timestamp()) // seconds * seconds, tz=UTC)
    return last - (STEPS - 1) * STEP


def _step(moment: datetime, begin: datetime) -> int:
    """Return the number of the step that a stored moment lies in."""
    return min(max(int((moment.replace(tzinfo=UTC) - begin) / STEP), 0), STEPS - 1)


def _first_whole(oldest: datetime, begin: datetime) -> int:
    """Return the number of the first complete step, which is at most the last step.

    `oldest` is the time of the oldest document that was read.
    """
    return min(_step(oldest, begin) + 1, STEPS - 1)


def _lateness(show: Document) -> float:
    return max(0.0, float((show["activated_at"] - max(show["nbf"], show["created_at"])).total_seconds()))


def _counted(begin: datetime) -> list[Document]:
    """Return `{_id: beginning, chunks: number, <letter of a state>: viewers, ...}` for each step with events."""
    counts: Document = {letter: {"$subtract": [{"$size": {"$split": ["$states", letter]}}, 1]} for letter in STATES}
    counts["chunks"] = {"$literal": 1}
    step = {"$dateTrunc": {"date": "$planned_at", "unit": "minute", "binSize": int(STEP.total_seconds()) // 60}}
    pipeline = [
        {"$match": {"planned_at": {"$gte": begin}}},
        {"$sort": {"planned_at": -1}},
        {"$limit": MOST_CHUNKS + 1},
        {"$group": {"_id": step} | {name: {"$sum": count} for name, count in counts.items()}},
    ]
    return list(collection(CHUNKS).aggregate(pipeline))
