"""One fan-out: shows start at the same moment, and all their payers are told."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC

from lab.bench.environment import BenchFailed
from lab.bench.fanout.show_starts import PRESETS, all_sent, running_cluster, start_shows, warm_up
from lab.bench.observers import Observers
from lab.bench.planting import PlantedShow
from lab.bench.processes import cpu_seconds, peak_megabytes
from mongodb.collections import collection
from notifications.models import EVENTS

DONE_WITHIN_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class FanOut:
    """The cost of a fan-out, from the commit of the first `goal.started` until the last acknowledgement was recorded.

    `cpu_seconds` is the CPU time of all processes of the cluster. `peak_megabytes` is the peak memory of the largest
    worker.
    """

    seconds: float
    requests: float
    cpu_seconds: float
    stand_in_cpu_seconds: float
    peak_megabytes: float


def run_trial(observers: Observers, audiences: Sequence[int]) -> FanOut:
    """Start a cluster, warm it up, let shows with these audiences start, and wait for the end. Raises BenchFailed."""
    with running_cluster(observers) as (service, supervisor):
        warm_up(supervisor)
        shows = start_shows(audiences)
        observers.new_starts()
        observers.heard()
        cpu_before = cpu_seconds(service.pid)
        supervisor.wait_for(all_sent(shows), "fan-out", seconds=DONE_WITHIN_SECONDS)
        cpu, heard, peak = cpu_seconds(service.pid), observers.heard(), peak_megabytes(service.pid)
        wanted = PRESETS * sum(audiences)
        if heard.refused or heard.authorized != wanted:
            raise BenchFailed(f"{heard.authorized} events arrived, not {wanted}.")
        return FanOut(
            seconds=_ended_at(shows) - _began_at(observers, shows),
            requests=heard.requests,
            cpu_seconds=cpu - cpu_before,
            stand_in_cpu_seconds=heard.cpu_seconds,
            peak_megabytes=peak,
        )


def _began_at(observers: Observers, shows: Sequence[PlantedShow]) -> float:
    """Return when the first start was committed, in Unix seconds."""
    time.sleep(0.1)  # the change stream may be a moment behind
    goal_ids = {show.goal_id for show in shows}
    return min(at for goal_id, at in observers.new_starts() if goal_id in goal_ids)


def _ended_at(shows: Sequence[PlantedShow]) -> float:
    """Return when the last event was recorded as sent to all viewers, in Unix seconds."""
    events = collection(EVENTS).find({"goal_id": {"$in": [show.goal_id for show in shows]}})
    return max(float(event["sent_at"].replace(tzinfo=UTC).timestamp()) for event in events)
