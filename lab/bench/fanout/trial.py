"""One fan-out: shows start at one moment, and everybody who paid is told."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC

from lab.bench.fanout.stage import PRESETS, Stage, all_sent, start_shows, warm_up
from lab.bench.fanout.usage import cpu_seconds, peak_megabytes
from lab.bench.lateness.planting import PlantedShow
from lab.bench.surroundings import BenchFailed
from mongodb.transactions import collection
from notifications.models import EVENTS

DONE_WITHIN_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class FanOut:
    """What a fan-out has taken, from the commit of the first `goal.started` to the last acknowledgement's record.

    CPU of the cluster's processes and of the stand-in, peak memory of the largest worker.
    """

    seconds: float
    requests: float
    cpu_seconds: float
    stand_in_cpu_seconds: float
    peak_megabytes: float


def run_trial(stage: Stage, audiences: Sequence[int]) -> FanOut:
    """Start a cluster, warm it up, let shows with these audiences start, wait for the end. Raises BenchFailed."""
    with stage.cluster() as (service, supervisor):
        warm_up(supervisor)
        shows = start_shows(audiences)
        stage.new_commits()
        before, cpu_before = stage.heard(), cpu_seconds(service.pid)
        supervisor.wait_for(all_sent(shows), "fan-out", seconds=DONE_WITHIN_SECONDS)
        cpu, heard, peak = cpu_seconds(service.pid), stage.heard(), peak_megabytes(service.pid)
        wanted = PRESETS * sum(audiences)
        if heard.refused or heard.authorized - before.authorized != wanted:
            raise BenchFailed(f"{heard.authorized - before.authorized} events arrived, not {wanted}.")
        return FanOut(
            seconds=_ended_at(shows) - _began_at(stage, shows),
            requests=heard.requests - before.requests,
            cpu_seconds=cpu - cpu_before,
            stand_in_cpu_seconds=heard.cpu_seconds - before.cpu_seconds,
            peak_megabytes=peak,
        )


def _began_at(stage: Stage, shows: Sequence[PlantedShow]) -> float:
    """Return when the first start was committed, in Unix seconds."""
    time.sleep(0.1)  # the witness learns of it in its own time
    goal_ids = {show.goal_id for show in shows}
    return min(at for goal_id, at in stage.new_commits() if goal_id in goal_ids)


def _ended_at(shows: Sequence[PlantedShow]) -> float:
    """Return when the last event was recorded as sent to everybody, in Unix seconds."""
    events = collection(EVENTS).find({"goal_id": {"$in": [show.goal_id for show in shows]}})
    return max(float(event["sent_at"].replace(tzinfo=UTC).timestamp()) for event in events)
