"""Metrics that are read from MongoDB at each scrape. They are the same for all processes, so no process counts them.

Every count is limited, so that a scrape never slows the product down. A queue is named by the `key` of its messages.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from statistics import quantiles
from typing import Any

import pymongo
from bson.datetime_ms import DatetimeMS
from django.db import DatabaseError
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from pymongo.errors import PyMongoError
from pymongo.server_type import SERVER_TYPE

from config import clock
from config.cache import answers
from goals.holding import held
from goals.kinds import GoalKind
from goals.models import Goal
from goals.states import LIVE, NOT_HELD, SCHEDULED
from mongodb.collections import collection, connection, tolerant_collection
from notifications.fanout.ledger import STATES, State
from notifications.models import CHUNKS
from ops.readiness import due_seconds, living_clusters
from sessions_app.models import Recording, RecordingState
from taskqueue import outages
from taskqueue.claim_owner import host_of
from taskqueue.clock_skew import CountingClock
from taskqueue.heartbeat import REPAIRS
from taskqueue.messages import MESSAGES
from taskqueue.queues import Queue
from taskqueue.results import RESULTS
from taskqueue.schedules import bad_schedules
from webhooks.models import Endpoint

logger = logging.getLogger(__name__)

GOALS, RECORDINGS = Goal._meta.db_table, Recording._meta.db_table
ENDPOINTS = Endpoint._meta.db_table
# The limit for all queries of one scrape together.
ANSWERED_WITHIN_SECONDS = 3.0
# A count of this value means "this many or more".
MOST_COUNTED = 10_000
MOST_ROWS = 100
MOST_STARTS = 1000
MOST_CHUNKS = 1000
MOST_ENDPOINTS = 1000
REACHABLE = frozenset({SERVER_TYPE.RSPrimary, SERVER_TYPE.RSSecondary, SERVER_TYPE.RSArbiter})
OVERDUE_AFTER = timedelta(seconds=5)
TASKS_SINCE = timedelta(minutes=1)
STARTS_SINCE = timedelta(minutes=5)
# Tasks are retried for about this long.
DELIVERIES_SINCE = timedelta(minutes=15)


class StoredCollector(Collector):
    """Reads the metrics. If MongoDB does not respond, `showgoals_mongodb_up` is 0 and some metrics are missing."""

    def collect(self) -> Iterable[Metric]:
        """Return the metrics. Errors of MongoDB and of the cache are not raised."""
        now, is_up = clock.now(), 1
        found: list[Metric] = [_gauge("cache_up", "Whether the cache has answered this scrape.", int(answers()))]
        try:
            with pymongo.timeout(ANSWERED_WITHIN_SECONDS):
                for metrics in (queues, tasks, clusters, vendors, shows, starts, deliveries, recordings, endpoints):
                    found += metrics(now)
        except (PyMongoError, DatabaseError) as error:
            logger.warning("scrape is incomplete error=%s", type(error).__name__)
            is_up = 0
        return [*found, _gauge("mongodb_up", "Whether MongoDB has answered this scrape.", is_up), members()]


def members() -> Metric:
    """Return how many members of the replica set this process can reach, as its MongoDB driver has found."""
    known = connection.connection.topology_description.server_descriptions().values()
    reachable = sum(server.server_type in REACHABLE for server in known)
    found = {"reachable": reachable, "away": len(known) - reachable}
    return _gauges("mongodb_members", "Members of the replica set, as this process sees them.", "state", found)


def queues(now: datetime) -> Iterator[Metric]:
    """Yield how many messages wait in each queue, and for how long."""
    keys = [queue.value for queue in Queue]
    due = {key: _count(MESSAGES, {"key": key, "owner": None, "lock": {"$lte": now}}) for key in keys}
    yield _gauges("queue_due", "Messages that are due and not claimed.", "queue", due)
    oldest = {queue.value: due_seconds(queue, now) for queue in Queue}
    yield _gauges("queue_oldest_due_seconds", "For how long the oldest of them has been due.", "queue", oldest)
    owned = tolerant_collection(MESSAGES).find({"owner": {"$type": "string"}}, {"key": True}).limit(MOST_COUNTED)
    held = Counter(str(message.get("key")) for message in owned)
    yield _gauges("queue_claimed", "Messages that a worker holds.", "queue", {key: held[key] for key in keys})
    unreadable = {key: _count(MESSAGES, {"key": f"{key}-unreadable"}) for key in keys}
    yield _gauges("queue_unreadable", "Messages set aside because they can't be read.", "queue", unreadable)


def tasks(now: datetime) -> Iterator[Metric]:
    """Yield how many tasks failed or succeeded, how many schedules can't be run, and the repairs."""
    yield _gauge("dead_letters", "Failed tasks that wait for people.", _count(RESULTS, {"success": False}))
    done = _count(RESULTS, {"success": True, "stopped": {"$gte": now - TASKS_SINCE}})
    yield _gauge("tasks_done_last_minute", "Tasks that ended well in the last minute.", done)
    bad = sum(1 for _ in bad_schedules(now=now, limit=MOST_ROWS))
    yield _gauge("bad_schedules", "Schedules of django-q that are due and can't be run.", bad)
    counted = {"_id": {"$type": "string"}, "count": {"$type": ["int", "long", "double"]}, "last_at": {"$type": "date"}}
    repaired = list(tolerant_collection(REPAIRS).find(counted).limit(MOST_ROWS))
    repairs = CounterMetricFamily("showgoals_repairs", "What a reconciler had to put right.", labels=["what"])
    for each in repaired:
        repairs.add_metric([each["_id"]], each["count"])
    yield repairs
    # An alert needs this time, because Prometheus sees no increase in a count that has just appeared: at the first
    # repair of a kind, or after an outage of MongoDB.
    last = {each["_id"]: _unix(each["last_at"]) for each in repaired}
    yield _gauges("last_repair_timestamp_seconds", "When that has last happened.", "what", last)


def clusters(_now: datetime) -> Iterator[Metric]:
    """Yield the qclusters with a recent heartbeat, their workers, and their clocks."""
    alive = living_clusters()
    yield _gauge("clusters", "Living qclusters.", len(alive))
    workers: Counter[str] = Counter({queue.value: 0 for queue in Queue})
    for cluster in alive:
        workers.update(cluster["workers"])
    yield _gauges("workers", "Workers of the living qclusters.", "queue", workers)
    deaths = sum(cluster["deaths"] for cluster in alive)
    yield _gauge("worker_deaths", "How many workers the living qclusters have lost and replaced.", deaths)
    by_clock = Counter(cluster.get("clock") for cluster in alive)
    counted = {each.value: by_clock[each.value] for each in CountingClock}
    yield _gauges("clusters_by_clock", "Living qclusters by the clock that they go by.", "clock", counted)
    skews = {host_of(cluster["_id"]): skew for cluster in alive if (skew := cluster.get("skew_seconds")) is not None}
    yield _gauges("clock_skew_seconds", "By how much the database's clock is ahead of the host's.", "host", skews)


def vendors(_now: datetime) -> Iterator[Metric]:
    """Yield which vendors do not respond."""
    away = outages.away()
    names = sorted({queue.vendor for queue in Queue if queue.vendor})
    found = {name: int(name in away) for name in names}
    yield _gauges("vendor_away", "Whether the workers have found that the vendor does not answer.", "vendor", found)


def shows(now: datetime) -> Iterator[Metric]:
    """Yield how many shows wait for their start, are late, are held for a person's decision, or are live."""
    scheduled, live = SCHEDULED.condition(GoalKind.SHOW), LIVE.condition(GoalKind.SHOW)
    found = {
        "scheduled": _count(GOALS, {**scheduled, "nbf": {"$gt": now}}),
        "overdue": _count(GOALS, {**scheduled, "nbf": {"$lte": now - OVERDUE_AFTER}, **NOT_HELD}),
        "held": _count(GOALS, held(now=now)),
        "live": _count(GOALS, {**live, "nbf": {"$lte": now}}),
    }
    yield _gauges("shows", "Shows that wait, that should have started, that are held, that run.", "status", found)


def starts(now: datetime) -> Iterator[Metric]:
    """Yield how late those live shows were that started in the last five minutes.

    The lateness is `activated_at - max(nbf, created_at)`. Only the MOST_STARTS shows with the latest nbf are examined.
    Shows that have ended are left out: no index orders them by time, and another index would slow down each start.
    """
    begun = {**LIVE.condition(GoalKind.SHOW), "activated_at": {"$gte": now - STARTS_SINCE}, "nbf": {"$lte": now}}
    times = {"nbf": True, "created_at": True, "activated_at": True}
    late = [_lateness(show) for show in collection(GOALS).find(begun, times).sort("nbf", -1).limit(MOST_STARTS)]
    yield _gauge("starts", "Live shows that began in the last five minutes.", len(late))
    if late:
        percentiles = quantiles(late, n=100, method="inclusive") if len(late) > 1 else late * 99
        found = {"0.5": percentiles[49], "0.99": percentiles[98], "1": max(late)}
        yield _gauges("start_lateness_seconds", "How late they began.", "quantile", found)


def deliveries(now: datetime) -> Iterator[Metric]:
    """Yield the viewers of recent chunks by state, and the age of the oldest chunk that still has unsent events.

    A chunk is a group of viewers of one event (`notifications/models.py`).
    """
    planned = {"planned_at": {"$gte": now - DELIVERIES_SINCE}}
    letters: dict[str, int] = next(collection(CHUNKS).aggregate(_letters(planned)), {})
    found: dict[str, float] = dict.fromkeys((state.value for state in State), 0)
    for letter, state in STATES.items():
        found[state.value] += letters.get(letter, 0)
    yield _gauges("deliveries", "Viewers of events planned in the last 15 minutes.", "state", found)
    unsent = collection(CHUNKS).find_one(planned | {"sent_at": None}, {"planned_at": True}, sort=[("planned_at", 1)])
    seconds = (now - unsent["planned_at"].replace(tzinfo=UTC)).total_seconds() if unsent else 0.0
    yield _gauge("oldest_unsent_seconds", "Age of the oldest of them that is not sent to everybody.", seconds)


def recordings(_now: datetime) -> Iterator[Metric]:
    """Yield the recordings by state."""
    found = {state.value: _count(RECORDINGS, {"state": state.value}) for state in RecordingState}
    yield _gauges("recordings", "Recordings by state.", "state", found)


def endpoints(_now: datetime) -> Iterator[Metric]:
    """Yield the partners' endpoints by state. `disabled` counts those that the product has disabled by itself."""
    fields = {"enabled": True, "failing_since": True, "disabled_reason": True}
    all_of_them = collection(ENDPOINTS).find({"_id": {"$type": "objectId"}}, fields).limit(MOST_ENDPOINTS)
    found = Counter(map(_endpoint_state, all_of_them))
    counted = {state: found[state] for state in ("working", "failing", "disabled", "off")}
    yield _gauges("webhook_endpoints", "Endpoints of partners by state.", "state", counted)


def _endpoint_state(endpoint: Mapping[str, Any]) -> str:
    if endpoint.get("enabled"):
        return "failing" if endpoint.get("failing_since") else "working"
    return "disabled" if endpoint.get("disabled_reason") else "off"


def _unix(moment: datetime | DatetimeMS) -> float:
    """Return the moment in Unix seconds. A moment that Python can't hold is read as DatetimeMS."""
    return int(moment) / 1000 if isinstance(moment, DatetimeMS) else moment.replace(tzinfo=UTC).timestamp()


def _lateness(show: dict[str, Any]) -> float:
    due: datetime = max(show["nbf"], show["created_at"])
    return float((show["activated_at"] - due).total_seconds())


def _letters(planned: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the pipeline that counts the letters in the chunks' `states`.

    For example, it turns `{states: "ssp"}, {states: "s"}` into `{s: 3, p: 1, u: 0, f: 0, r: 0}`.
    """
    counts = {letter: {"$subtract": [{"$size": {"$split": ["$states", letter]}}, 1]} for letter in STATES}
    return [
        {"$match": planned},
        {"$sort": {"planned_at": -1}},
        {"$limit": MOST_CHUNKS},
        {"$group": {"_id": None} | {letter: {"$sum": count} for letter, count in counts.items()}},
    ]


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"showgoals_{name}", text, value)


def _gauges(name: str, text: str, label: str, values: Mapping[str, float]) -> GaugeMetricFamily:
    """Return a gauge with a value for each value of its label."""
    family = GaugeMetricFamily(f"showgoals_{name}", text, labels=[label])
    for labelled, value in values.items():
        family.add_metric([labelled], value)
    return family


def _count(name: str, condition: Mapping[str, Any]) -> int:
    return int(collection(name).count_documents(condition, limit=MOST_COUNTED))
