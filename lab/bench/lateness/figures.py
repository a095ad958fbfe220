"""The figures of one load on one system."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lab.bench.environment import BenchFailed
from lab.bench.observers import Sighting
from lab.bench.planting import PlantedShow
from lab.bench.report import Percentiles

LEAST_SHOWS = 2


@dataclass(frozen=True, slots=True)
class Measured:
    """Percentiles in milliseconds, and counts. `seconds` is the time from the first nbf to the last commit."""

    activated: Percentiles
    told: Percentiles
    seconds: float
    shows: int
    missing: int
    early: int
    activated_twice: int
    told_twice: int
    note: str = ""

    @property
    def faults(self) -> str:
        """What went wrong, in words; "" if nothing did."""
        counts = {
            "not started or not told in time": self.missing,
            "started early": self.early,
            "activated twice": self.activated_twice,
            "channels told twice": self.told_twice,
        }
        return ", ".join([f"{count} {what}" for what, count in counts.items() if count] + [self.note] * bool(self.note))


def measure(shows: Sequence[PlantedShow], commits: Iterable[Sighting], told: Iterable[Sighting]) -> Measured:
    """Compare the times of the commits and of the announcements with the times at which the shows were due.

    `told` has three channels for each goal. Raises BenchFailed if too few shows have started for percentiles.
    """
    commits, told = list(commits), list(told)
    goal_of = {streamer_channel: show.goal_id for show in shows for streamer_channel in channels(show)}
    nbf = {show.goal_id: show.nbf.timestamp() for show in shows}
    activated = _lateness(nbf, commits)
    heard = _lateness(nbf, [(goal_of.get(channel, ""), at) for channel, at in told])
    if min(len(activated), len(heard)) < LEAST_SHOWS:
        raise BenchFailed(f"{len(activated)} of {len(nbf)} shows were started, {len(heard)} told.")
    ours = [goal_id for goal_id, _at in commits if goal_id in nbf]
    return Measured(
        activated=Percentiles.of(list(activated.values())),
        told=Percentiles.of(list(heard.values())),
        seconds=max(at for goal_id, at in commits if goal_id in nbf) - min(nbf.values()),
        shows=len(shows),
        missing=len(nbf.keys() - (activated.keys() & heard.keys())),
        early=sum(late < 0 for late in activated.values()),
        activated_twice=_repeated(ours),
        told_twice=_repeated([channel for channel, _at in told if channel in goal_of]),
    )


def channels(show: PlantedShow) -> tuple[str, str, str]:
    """Return the channels on which `goal.started` is sent."""
    streamer = show.streamer_id
    return f"private-stream@{streamer}", f"presence-stream@{streamer}", f"private-user@{streamer}"


def _lateness(nbf: dict[str, float], sightings: Iterable[Sighting]) -> dict[str, float]:
    """Return how many milliseconds late each goal was first seen."""
    late: dict[str, float] = {}
    for goal_id, at in sightings:
        if goal_id in nbf:
            milliseconds = (at - nbf[goal_id]) * 1000
            late[goal_id] = min(milliseconds, late.get(goal_id, milliseconds))
    return late


def _repeated(names: Iterable[str]) -> int:
    """Return how many names occur more than once."""
    return sum(times > 1 for times in Counter(names).values())
