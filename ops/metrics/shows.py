"""Shows: how many wait and run, how late they start, and whether their viewers and recordings get what they should."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from statistics import quantiles
from typing import Any

from prometheus_client.metrics_core import Metric

from goals.kinds import GoalKind
from goals.states import LIVE, SCHEDULED
from mongodb.transactions import collection
from ops.metrics.families import count, gauge, gauges
from sessions_app.models import Recording, RecordingState

OVERDUE_AFTER = timedelta(seconds=5)
RECENTLY = timedelta(minutes=5)
STARTS = 1000


def shows(now: datetime) -> Iterator[Metric]:
    """Yield how many shows wait, run, and should run."""
    found = {
        "scheduled": count("goals", {**SCHEDULED.condition(GoalKind.SHOW), "nbf": {"$gt": now}}),
        "overdue": count("goals", {**SCHEDULED.condition(GoalKind.SHOW), "nbf": {"$lte": now - OVERDUE_AFTER}}),
        "live": count("goals", {**LIVE.condition(GoalKind.SHOW), "nbf": {"$lte": now}}),
    }
    yield gauges("shows", "Shows that wait, that should have started, that run.", "status", found)


def starts(now: datetime) -> Iterator[Metric]:
    """Yield how late the shows began that began in the last minutes and still run: STARTS of them, the last by nbf.

    Late is `activated_at - max(nbf, created_at)`. Those that have ended are left out: no index has them by time,
    and one more would be paid for by each start.
    """
    begun = {**LIVE.condition(GoalKind.SHOW), "activated_at": {"$gte": now - RECENTLY}, "nbf": {"$lte": now}}
    times = {"nbf": True, "created_at": True, "activated_at": True}
    late = [_lateness(show) for show in collection("goals").find(begun, times).sort("nbf", -1).limit(STARTS)]
    yield gauge("starts", "Live shows that began in the last five minutes.", len(late))
    if late:
        percentiles = quantiles(late, n=100, method="inclusive") if len(late) > 1 else late * 99
        found = {"0.5": percentiles[49], "0.99": percentiles[98], "1": max(late)}
        yield gauges("start_lateness_seconds", "How late they began.", "quantile", found)


def recordings(_now: datetime) -> Iterator[Metric]:
    """Yield the recordings by state."""
    name = Recording._meta.db_table
    found = {state.value: count(name, {"state": state.value}) for state in RecordingState}
    yield gauges("recordings", "Recordings by state.", "state", found)


def _lateness(show: dict[str, Any]) -> float:
    due: datetime = max(show["nbf"], show["created_at"])
    return float((show["activated_at"] - due).total_seconds())
