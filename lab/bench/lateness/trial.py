"""One load on one system: plant, schedule, wait, compare."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from lab.bench.lateness.figures import Measured, Sighting, channels, measure
from lab.bench.lateness.loads import WARM_UP, Load
from lab.bench.lateness.planting import PlantedShow, plant
from lab.bench.lateness.stage import Stage
from lab.bench.lateness.systems import System
from lab.bench.surroundings import BenchFailed

# What it takes to plant and schedule the shows before the first may start.
SECONDS_AHEAD = 6.0
SHOWS_A_SECOND = 200
# Stock django-q2 looks every 30 s, and two workers make 100 calls of 20 ms a second.
DONE_WITHIN_SECONDS = 120.0
QUIET_SECONDS = 1.0
POLL_SECONDS = 0.25


@dataclass
class Seen:
    """What the witnesses saw."""

    commits: list[Sighting] = field(default_factory=list)
    told: list[Sighting] = field(default_factory=list)
    refused: int = 0

    def add(self, stage: Stage) -> None:
        """Ask the witnesses for news."""
        self.commits += stage.new_commits()
        heard = stage.new_events()
        self.told += heard.started
        self.refused += heard.refused

    def all_of(self, shows: Sequence[PlantedShow]) -> bool:
        """Tell whether every start was committed and told; there may be more."""
        return {show.goal_id for show in shows} <= {goal_id for goal_id, _at in self.commits} and {
            channel for show in shows for channel in channels(show)
        } <= {channel for channel, _at in self.told}


def warm_up(stage: Stage, system: System) -> None:
    """Have the system start a few shows, so that imports and connections are not measured. Raises BenchFailed."""
    try:
        run_trial(stage, system, WARM_UP)
    except BenchFailed as error:
        raise BenchFailed(f"{system.title}: {error.detail} Its logs are in {stage.directory}.") from error


def run_trial(
    stage: Stage, system: System, load: Load, *, before: Callable[[datetime], object] = lambda _begin: None
) -> Measured:
    """Put the load on the running system and return how late it was. `before` is told when it begins."""
    begin = math.ceil(time.time() + SECONDS_AHEAD + load.shows / SHOWS_A_SECOND)
    before(datetime.fromtimestamp(begin, tz=UTC))
    shows = plant(load.moments(begin))
    system.schedule(shows)
    if time.time() > begin - 0.5:
        raise BenchFailed(f"{system.title}: {load.shows} shows were not scheduled in time; the machine is too busy.")
    seen = Seen()
    _watch(stage, system, shows, seen, until=begin + load.seconds + DONE_WITHIN_SECONDS)
    if seen.refused:
        raise BenchFailed(f"{system.title}: the vendors' stand-ins refused {seen.refused} requests.")
    return measure(shows, seen.commits, seen.told)


def _watch(stage: Stage, system: System, shows: Sequence[PlantedShow], seen: Seen, *, until: float) -> None:
    """Collect what the witnesses see, until all has been seen and it is quiet, or time is up."""
    while time.time() < until and not seen.all_of(shows):
        system.check()
        time.sleep(POLL_SECONDS)
        seen.add(stage)
    time.sleep(QUIET_SECONDS)
    seen.add(stage)
