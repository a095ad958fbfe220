"""`bench fanout --faults`: which viewers are told while Pusher fails and goes down, and a worker is killed."""

import os
import signal
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from lab.bench.environment import connection
from lab.bench.fanout.show_starts import PRESETS, all_sent, running_cluster, start_shows
from lab.bench.ledger import Told, ledger_entries
from lab.bench.observers import Observers
from lab.bench.planting import PlantedShow
from lab.bench.queued import waiting
from lab.bench.report import Finding
from lab.bench.services import Service
from mongodb.collections import collection
from notifications.fanout.ledger import State
from taskqueue.queues import Queue

DONE_WITHIN_SECONDS = 300.0
QUIET_SECONDS = 1.0
TASKS = ("batch_notify_stream_authorized", "send_chunk", "send_large_chunk")


@dataclass
class Record:
    """What the ledger and the stand-in have shown so far.

    `unheard` has the events that the ledger marked as sent before the stand-in had received them.
    """

    told: dict[Told, int] = field(default_factory=lambda: defaultdict(int))
    unheard: set[Told] = field(default_factory=set)
    requests: int = 0
    killed: int = 0

    def look(self, observers: Observers, goal_id: str) -> None:
        """Compare the ledger with what the stand-in has received.

        The ledger is read first, because events may arrive and be marked as sent between the two steps.
        """
        sent = set(ledger_entries([goal_id], State.SENT))
        heard = observers.heard()
        for each in heard.authorizations:
            self.told[each] += 1
        self.unheard |= sent - self.told.keys()
        self.requests += heard.requests


def run_faulty(observers: Observers, *, viewers: int, kill_after_requests: int) -> tuple[Record, list[Finding]]:
    """Start one show, kill a worker in the middle of its fan-out, and check the result once nothing more happens."""
    record = Record()
    with running_cluster(observers) as (service, supervisor):
        (show,) = start_shows([viewers])
        is_done = all_sent([show])

        def is_over() -> bool:
            record.look(observers, show.goal_id)
            if not record.killed and record.requests >= kill_after_requests:
                record.killed = _kill_worker(service)
            return is_done()

        supervisor.wait_for(is_over, "fan-out", seconds=DONE_WITHIN_SECONDS)
        supervisor.wait(QUIET_SECONDS)
        record.look(observers, show.goal_id)
        return record, list(_findings(record, show, viewers))


def _kill_worker(service: Service) -> int:
    """Kill one worker that sends chunks, by SIGKILL. Return its process id."""
    victim = service.processes(Queue.AUDIENCE.value)[0]
    os.kill(victim, signal.SIGKILL)
    return victim


def _findings(record: Record, show: PlantedShow, viewers: int) -> Iterator[Finding]:
    planned = set(ledger_entries([show.goal_id], *State))
    told = record.told.keys()
    ids = defaultdict(set)
    for channel, event_id in told:
        ids[channel].add(event_id)
    sent = set(ledger_entries([show.goal_id], State.SENT))
    yield Finding("the ledger has both events of every viewer", _missing(PRESETS * viewers - len(planned)))
    yield Finding("a worker was killed before the end", [] if record.killed else ["none"])
    yield Finding("every viewer got each event at least once", _texts(planned - told))
    yield Finding("nobody got an event that isn't planned", _texts(told - planned))
    yield Finding("duplicates carry the same event_id", [each for each, several in ids.items() if len(several) > 1])
    yield Finding("all that arrived is recorded as sent", _texts(told - sent))
    yield Finding("no event was called sent before it had arrived", _texts(record.unheard))
    left = [each for each in waiting(connection.database) if each["name"] in TASKS]
    yield Finding("no message of the fan-out waits", [str(each) for each in left])
    failed = collection("django_q_task").find({"success": False}, {"name": True, "result": True})
    yield Finding("no task failed for good", [str(each) for each in failed])


def _missing(count: int) -> list[str]:
    return [f"{count} are missing"] if count else []


def _texts(told: Iterable[Told]) -> list[str]:
    return sorted(f"{channel} {event_id}" for channel, event_id in told)
