"""The tables that `bench chaos` prints."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from pymongo.database import Database

from lab.bench.chaos.clients import Created
from lab.bench.chaos.faults import Fault, Kind
from lab.bench.report import Percentiles
from taskqueue.queues import Queue

BOTH = (Queue.START, Queue.WORK)
QUEUES = {Kind.START_WORKER: (Queue.START,), Kind.WORK_WORKER: (Queue.WORK,)}
LEAST_FOR_PERCENTILES = 2


@dataclass(frozen=True)
class Completions:
    """The sorted times at which requests and the tasks of each queue were done, in Unix seconds."""

    tasks: dict[Queue, list[float]]
    requests: list[float]

    @classmethod
    def read(cls, database: Database[dict[str, Any]], created: list[Created]) -> "Completions":
        """Return the times of the requests, and of the tasks whose results the queue has stored."""
        tasks: dict[Queue, list[float]] = {queue: [] for queue in Queue}
        condition = {"success": True, "cluster": {"$in": [queue.value for queue in Queue]}}
        for task in database["django_q_task"].find(condition).sort("stopped", 1):
            tasks[Queue(task["cluster"])].append(task["stopped"].timestamp())
        return cls(tasks, sorted(each.at for each in created))

    def seconds_after(self, fault: Fault) -> float | None:
        """Return the seconds from the end of the fault until work went on, or None if it did not go on.

        After the kill of a web process, work goes on when the next request is done. After any other fault, it goes on
        when each affected queue has done a task.
        """
        if fault.kind is Kind.WEB:
            return _next(self.requests, fault.at)
        seconds = [_next(self.tasks[queue], fault.at) for queue in QUEUES.get(fault.kind, BOTH)]
        return None if None in seconds else max(each for each in seconds if each is not None)


def faults_table(faults: list[Fault], completions: Completions) -> Iterator[str]:
    """Yield a line for each kind, with the number of faults, how many were survived, and how soon work went on."""
    yield f"  {'fault':<34}{'times':>7}{'survived':>10}{'next done p50':>16}{'max':>10}"
    for kind in Kind:
        seconds = [completions.seconds_after(fault) for fault in faults if fault.kind is kind]
        if not seconds:
            continue
        survived = [each for each in seconds if each is not None]
        p50 = f"{median(survived):.2f} s" if survived else "-"
        most = f"{max(survived):.2f} s" if survived else "-"
        yield f"  {kind.label:<34}{len(seconds):>7}{len(survived):>10}{p50:>16}{most:>10}"
    yield f"  {'all':<34}{len(faults):>7}"


def lateness_line(milliseconds: Sequence[float]) -> str:
    """Return a line with the percentiles of how late shows started."""
    if len(milliseconds) < LEAST_FOR_PERCENTILES:
        return "  started - nbf: too few shows"
    figures = asdict(Percentiles.of(milliseconds))
    return "  started - nbf: " + ", ".join(f"{name} {value:,.0f} ms" for name, value in figures.items())


def attempts_line(created: list[Created]) -> str:
    """Return a line that says how many requests were sent once, twice, three times and more often."""
    counted = Counter(min(each.attempts, 4) for each in created)
    labels = {1: "once", 2: "twice", 3: "three times", 4: "more often"}
    return "  clients asked " + ", ".join(f"{label}: {counted[times]}" for times, label in labels.items())


def _next(moments: list[float], after: float) -> float | None:
    index = bisect_right(moments, after)
    return moments[index] - after if index < len(moments) else None
