"""Measures one load on one system: inserts the shows, schedules them, waits, and compares."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from lab.bench.environment import BenchFailed
from lab.bench.lateness.figures import Measured, channels, measure
from lab.bench.lateness.loads import WARM_UP, Load
from lab.bench.lateness.systems import System
from lab.bench.observers import Observers, Sighting
from lab.bench.planting import PlantedShow, plant

# Inserting and scheduling the shows may take SECONDS_AHEAD, and one more second for every SHOWS_A_SECOND shows.
SECONDS_AHEAD = 6.0
SHOWS_A_SECOND = 200
# Even stock django-q2 needs less time. It looks for due shows every 30 s, and its two workers can make 100 calls of
# 20 ms in a second.
DONE_WITHIN_SECONDS = 120.0
QUIET_SECONDS = 1.0
POLL_SECONDS = 0.25


@dataclass
class Seen:
    """What the observers have seen."""

    commits: list[Sighting] = field(default_factory=list)
    told: list[Sighting] = field(default_factory=list)
    refused: int = 0

    def add(self, observers: Observers) -> None:
        """Add what the observers have seen since the last time."""
        self.commits += observers.new_starts()
        heard = observers.heard()
        self.told += heard.started
        self.refused += heard.refused

    def all_of(self, shows: Sequence[PlantedShow]) -> bool:
        """Tell whether the start of every show was committed, and told on all its channels."""
        return {show.goal_id for show in shows} <= {goal_id for goal_id, _at in self.commits} and {
            channel for show in shows for channel in channels(show)
        } <= {channel for channel, _at in self.told}


def warm_up(observers: Observers, system: System) -> None:
    """Have the system start a few shows, so that imports and connections are not measured. Raises BenchFailed."""
    try:
        run_trial(observers, system, WARM_UP)
    except BenchFailed as error:
        raise BenchFailed(f"{system.title}: {error.detail} Its logs are in {observers.directory}.") from error


def run_trial(
    observers: Observers,
    system: System,
    load: Load,
    *,
    before: Callable[[datetime], object] = lambda _begin: None,
    meanwhile: Callable[[datetime], object] = lambda _begin: None,
    meanwhile_seconds: float = 0.0,
) -> Measured:
    """Let the running system start the shows, and return how late they were. Raises BenchFailed.

    `before` and `meanwhile` are called with the moment at which the load begins. `before` is called first. `meanwhile`
    is called once the shows are scheduled, at least `meanwhile_seconds` before that moment.
    """
    begin = math.ceil(time.time() + SECONDS_AHEAD + load.shows / SHOWS_A_SECOND + meanwhile_seconds)
    before(datetime.fromtimestamp(begin, tz=UTC))
    shows = plant(load.moments(begin))
    system.schedule(shows)
    if time.time() > begin - meanwhile_seconds - 0.5:
        raise BenchFailed(f"{system.title}: {load.shows} shows were not scheduled in time; the machine is too busy.")
    meanwhile(datetime.fromtimestamp(begin, tz=UTC))
    seen = Seen()
    _watch(observers, system, shows, seen, until=begin + load.seconds + DONE_WITHIN_SECONDS)
    if seen.refused:
        raise BenchFailed(f"{system.title}: the vendors' stand-ins refused {seen.refused} requests.")
    return measure(shows, seen.commits, seen.told)


def _watch(observers: Observers, system: System, shows: Sequence[PlantedShow], seen: Seen, *, until: float) -> None:
    """Collect what the observers see until they have seen all starts, or time is up, and for QUIET_SECONDS more."""
    while time.time() < until and not seen.all_of(shows):
        system.check()
        time.sleep(POLL_SECONDS)
        seen.add(observers)
    time.sleep(QUIET_SECONDS)
    seen.add(observers)
