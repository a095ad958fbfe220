"""Writes the cause of a late start to the timeline of the show, and reads it from there.

The cause is noted when the show starts. It can't be found later, because a qcluster that shuts down cleanly deletes
its heartbeat.
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
# The search for the row begins this long before the start, because the clocks of hosts may differ.
CLOCKS_DIFFER = timedelta(minutes=1)
_GAP = re.compile(r"no (?:heartbeat of a qcluster|qcluster was heard of)(?: from (?P<since>\S+))? until (?P<until>\S+)")
CLUSTER_RAN = "a qcluster was running"


@dataclass(frozen=True, slots=True)
class Cause:
    """What is known about a late start: the `gap` in which no qcluster was alive, or that a qcluster was running."""

    gap: "Gap | None"
    cluster_ran: bool


@dataclass(frozen=True, slots=True)
class Gap:
    """The time in which, according to heartbeats, no qcluster was alive. `since` is None if it is unknown."""

    since: datetime | None
    until: datetime


def note_lateness(shows: Sequence[Goal], *, now: datetime) -> None:
    """Append a row to each show's timeline that says how late the show starts.

    If heartbeats tell whether a qcluster was running, the row says that too. Runs in the transaction that starts the
    shows.
    """
    found = clusters({}, limit=MOST_CLUSTERS)
    beats = [(each["started_at"].replace(tzinfo=UTC), each["beat_at"].replace(tzinfo=UTC)) for each in found]
    for show in shows:
        due = max(show.starts_at, show.created_at)
        detail = f"{(now - due).total_seconds():.1f} s late"
        if told := _told(beats, due=due, now=now):
            detail += f": {told}"
        record(str(show.pk), TimelineKind.TASK, TASK, LATE, detail)


def find_cause(show: Goal) -> Cause:
    """Return what the timeline says about the cause of a late start.

    If the timeline has no cause, for example because an earlier release started the show, return a Cause with neither
    a gap nor a running qcluster.
    """
    if show.activated_at is None:
        return Cause(None, cluster_ran=False)
    since_start = int((show.activated_at - CLOCKS_DIFFER).timestamp() * 1_000_000)
    rows = TimelineEntry.objects.filter(goal_id=str(show.pk), seq__gte=since_start, name=TASK, outcome=LATE)
    row = rows.order_by("seq").first()
    detail = row.detail if row else ""
    found = _GAP.search(detail)
    if found is None:
        return Cause(None, cluster_ran=CLUSTER_RAN in detail)
    since = datetime.fromisoformat(found["since"]) if found["since"] else None
    return Cause(Gap(since, datetime.fromisoformat(found["until"])), cluster_ran=False)


def _told(beats: Sequence[tuple[datetime, datetime]], *, due: datetime, now: datetime) -> str:
    """Return a text that says whether a qcluster was running at the moment `due`, or "" if heartbeats do not tell."""
    heard = max((beat_at for started_at, beat_at in beats if started_at <= due), default=None)
    if heard is not None and heard >= due:
        return CLUSTER_RAN
    came = min((started_at for started_at, _beat_at in beats if started_at > due), default=None)
    if heard is not None and came is None and heard > now - SILENT_AFTER:
        return ""  # the next heartbeat of the qcluster is not due yet
    since = f" from {heard:%Y-%m-%dT%H:%M:%SZ}" if heard else ""
    return f"no heartbeat of a qcluster{since} until {came or now:%Y-%m-%dT%H:%M:%SZ}"
