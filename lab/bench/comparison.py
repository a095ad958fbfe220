"""Two ways to do one thing, timed in turns."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median, quantiles

from lab.bench.round_trips import RoundTrips

Work = Callable[[], object]


@dataclass
class Series:
    """What one way has cost: milliseconds of each run, and the commands of each."""

    name: str
    milliseconds: list[float] = field(default_factory=list)
    commands: list[list[str]] = field(default_factory=list)

    @property
    def p50(self) -> float:
        """The median in milliseconds."""
        return median(self.milliseconds)

    @property
    def p99(self) -> float:
        """The 99th percentile in milliseconds."""
        return quantiles(self.milliseconds, n=100, method="inclusive")[98]

    @property
    def round_trips(self) -> int:
        """The most commands that one run has sent."""
        return max(len(each) for each in self.commands)

    def run(self, work: Work, listener: RoundTrips) -> None:
        """Do the work once and note what it cost."""
        with listener.listen() as commands:
            began = time.perf_counter()
            work()
            self.milliseconds.append((time.perf_counter() - began) * 1000)
        self.commands.append(commands)


def take_turns(ours: Series, peer: Series, pairs: Sequence[tuple[Work, Work]], listener: RoundTrips) -> None:
    """Run the pairs (ours, peer's); who goes first changes each time, so that neither profits from the other."""
    for index, (our_work, peer_work) in enumerate(pairs):
        turns = [(ours, our_work), (peer, peer_work)]
        for series, work in turns if index % 2 else reversed(turns):
            series.run(work, listener)


def table(ours: Series, peer: Series) -> list[str]:
    """Return the lines of a comparison."""
    lines = [f"  {'':<22}{'p50 ms':>10}{'p99 ms':>10}{'round-trips':>14}"]
    lines += [f"  {each.name:<22}{each.p50:>10.2f}{each.p99:>10.2f}{each.round_trips:>14}" for each in (ours, peer)]
    lines.append(f"  {'ratio':<22}{ours.p50 / peer.p50:>9.2f}x{ours.p99 / peer.p99:>9.2f}x")
    return lines


def aim(what: str, value: float, most: float, unit: str = "") -> str:
    """Return a line that says whether a figure is as small as it should be."""
    verdict = "met" if value <= most else "MISSED"
    return f"  {what}: {value:g}{unit}, aim at most {most:g}{unit}: {verdict}"
