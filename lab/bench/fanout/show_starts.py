"""Starts shows on a real cluster, and tells whether all their viewers have been told."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from lab.bench.observers import Observers
from lab.bench.planting import PlantedShow, bring_forward, plant, queue_starts
from lab.bench.services import Service, Supervisor, qcluster
from mongodb.collections import collection
from notifications.models import EVENTS
from taskqueue.queues import Queue

WORKERS = 2
PRESETS = 2
# Several small shows start before the measurement, so that each worker has made its imports and connections by then.
WARM_UP_SHOWS, WARM_UP_VIEWERS = 6, 60
STARTED_WITHIN_SECONDS = 60.0
SECONDS_AHEAD = 1.5
FAR_AHEAD_SECONDS = 3600


@contextmanager
def running_cluster(observers: Observers) -> Iterator[tuple[Service, Supervisor]]:
    """Run `manage.py qcluster`. The block begins once the workers that plan and send have started."""
    environment = {**observers.environment, "Q_WORKERS": str(WORKERS)}
    service = qcluster(environment, observers.directory / "qcluster.log")
    with Supervisor([service]) as supervisor:
        supervisor.wait_for(
            lambda: len(service.processes(Queue.WORK.value)) == WORKERS and service.processes(Queue.AUDIENCE.value),
            "workers",
            seconds=STARTED_WITHIN_SECONDS,
        )
        yield service, supervisor


def start_shows(audiences: Sequence[int]) -> list[PlantedShow]:
    """Insert a show for each audience. All shows start at the same moment, about two seconds from now."""
    far = math.ceil(time.time()) + FAR_AHEAD_SECONDS
    planted = [plant([datetime.fromtimestamp(far, tz=UTC)], viewers=viewers)[0] for viewers in audiences]
    shows = bring_forward(planted, far - math.ceil(time.time() + SECONDS_AHEAD))
    queue_starts(shows)
    return shows


def all_sent(shows: Sequence[PlantedShow]) -> Callable[[], bool]:
    """Return a function that tells whether all events of the shows are recorded as sent to all viewers."""
    sent = {"goal_id": {"$in": [show.goal_id for show in shows]}, "sent_at": {"$ne": None}}
    return lambda: bool(collection(EVENTS).count_documents(sent) == PRESETS * len(shows))


def warm_up(supervisor: Supervisor) -> None:
    """Start small shows, and wait until their viewers are told. Raises BenchFailed."""
    shows = start_shows([WARM_UP_VIEWERS] * WARM_UP_SHOWS)
    supervisor.wait_for(all_sent(shows), "warm-up", seconds=STARTED_WITHIN_SECONDS)
