"""Why a show has started late, noted on its timeline while the product still knows it.

Later nobody could tell: a qcluster that stops in order leaves no trace.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from goals.models import Goal, TimelineEntry, TimelineKind
from goals.timeline import record
from taskqueue.heartbeat import clusters

TASK, LATE = "activate_goal", "late"
# A living qcluster writes its heartbeat every five seconds.
SILENT_AFTER = timedelta(seconds=7)
MOST_CLUSTERS = 1000
# The row is written with the start, so it is among the first rows from that moment on, by any clock.
CLOCKS_DIFFER = timedelta(minutes=1)
_GAP = re.compile(r"no qcluster was heard of(?: from (?P<since>\S+))? until (?P<until>\S+)")
CLUSTER_RAN = "a qcluster was running"


@dataclass(frozen=True, slots=True)
class Gap:
    """The time in which no qcluster was alive, as far as heartbeats tell. `since` is None if none has left a trace."""

    since: datetime | None
    until: datetime


def note_lateness(shows: Sequence[Goal], *, now: datetime) -> None:
    """Append a row to the timeline of each show that starts late: by how much, and whether a qcluster was running.

    Runs in the transaction that starts them.
    """
    found = clusters({}, limit=MOST_CLUSTERS)
    beats = [(each["started_at"].replace(tzinfo=UTC), each["beat_at"].replace(tzinfo=UTC)) for each in found]
    for show in shows:
        due = max(show.starts_at, show.created_at)
        gap = _gap(beats, due=due, now=now)
        record(str(show.pk), TimelineKind.TASK, TASK, LATE, f"{(now - due).total_seconds():.1f} s late: {_text(gap)}")


def find_gap(show: Goal) -> Gap | None:
    """Return the time without a qcluster that made the show start late; None if that is not known to be the cause."""
    if show.activated_at is None:
        return None
    since_start = int((show.activated_at - CLOCKS_DIFFER).timestamp() * 1_000_000)
    rows = TimelineEntry.objects.filter(goal_id=str(show.pk), seq__gte=since_start, name=TASK, outcome=LATE)
    row = rows.order_by("seq").first()
    found = _GAP.search(row.detail) if row else None
    if found is None:
        return None
    since = datetime.fromisoformat(found["since"]) if found["since"] else None
    return Gap(since, datetime.fromisoformat(found["until"]))


def _gap(beats: Sequence[tuple[datetime, datetime]], *, due: datetime, now: datetime) -> Gap | None:
    """Return the time without a heartbeat in which the moment `due` lies, or None if a qcluster was running then."""
    heard = max((beat_at for started_at, beat_at in beats if started_at <= due), default=None)
    came = min((started_at for started_at, _beat_at in beats if started_at > due), default=None)
    may_be_alive = heard is not None and came is None and heard > now - SILENT_AFTER
    if may_be_alive or (heard is not None and heard >= due):
        return None
    return Gap(heard, came or now)


def _text(gap: Gap | None) -> str:
    if gap is None:
        return CLUSTER_RAN
    since = f" from {gap.since:%Y-%m-%dT%H:%M:%SZ}" if gap.since else ""
    return f"no qcluster was heard of{since} until {gap.until:%Y-%m-%dT%H:%M:%SZ}"
