"""The task queue: what waits, what was given up, and who works. A queue is named by the `key` of its messages."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

from prometheus_client.metrics_core import CounterMetricFamily, Metric

from mongodb.transactions import collection
from ops.metrics.families import COUNTED, count, gauge, gauges
from ops.readiness import ALIVE_WITHIN, due_seconds
from taskqueue.executions import RESULTS
from taskqueue.heartbeat import CLUSTERS, REPAIRS
from taskqueue.messages import MESSAGES
from taskqueue.queues import Queue

MOST_ROWS = 100
RECENTLY = timedelta(minutes=1)


def queues(now: datetime) -> Iterator[Metric]:
    """Yield what waits in each queue, and for how long it has."""
    keys = [queue.value for queue in Queue]
    due = {key: count(MESSAGES, {"key": key, "lock": {"$lte": now}}) for key in keys}
    yield gauges("queue_due", "Messages that are due and not claimed.", "queue", due)
    oldest = {queue.value: due_seconds(queue, now) for queue in Queue}
    yield gauges("queue_oldest_due_seconds", "For how long the oldest of them has been due.", "queue", oldest)
    owned = collection(MESSAGES).find({"owner": {"$type": "string"}}, {"key": True}).limit(COUNTED)
    held = Counter(message["key"] for message in owned)
    yield gauges("queue_claimed", "Messages that a worker holds.", "queue", {key: held[key] for key in keys})
    unreadable = {key: count(MESSAGES, {"key": f"{key}-unreadable"}) for key in keys}
    yield gauges("queue_unreadable", "Messages set aside, for nobody can read them.", "queue", unreadable)


def tasks(now: datetime) -> Iterator[Metric]:
    """Yield what became of tasks."""
    yield gauge("dead_letters", "Failed tasks that wait for people.", count(RESULTS, {"success": False}))
    done = count(RESULTS, {"success": True, "stopped": {"$gte": now - RECENTLY}})
    yield gauge("tasks_done_last_minute", "Tasks that ended well in the last minute.", done)
    repairs = CounterMetricFamily("showgoals_repairs", "What a reconciler had to put right.", labels=["what"])
    for repaired in collection(REPAIRS).find().limit(MOST_ROWS):
        repairs.add_metric([repaired["_id"]], repaired["count"])
    yield repairs


def clusters(now: datetime) -> Iterator[Metric]:
    """Yield who works: the qclusters that have given a sign of life."""
    alive = list(collection(CLUSTERS).find({"beat_at": {"$gte": now - ALIVE_WITHIN}}).limit(MOST_ROWS))
    yield gauge("clusters", "Living qclusters.", len(alive))
    workers: Counter[str] = Counter({queue.value: 0 for queue in Queue})
    for cluster in alive:
        workers.update(cluster["workers"])
    yield gauges("workers", "Workers of the living qclusters, those that stand by among them.", "queue", workers)
    deaths = sum(cluster["deaths"] for cluster in alive)
    yield gauge("worker_deaths", "How many workers the living qclusters have lost and replaced.", deaths)
