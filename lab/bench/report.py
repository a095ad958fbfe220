"""The common output of all benchmarks: the machine, comparisons of figures, aims, and rules that were broken."""

import os
import platform
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median, quantiles

import pymongo

from lab.bench.environment import connection

BREACHES_SHOWN = 5
RESPONSES_HEADING = f"  {'':<24}{'req/s':>10}{'p50 ms':>10}{'p99 ms':>10}{'max ms':>10}"

Write = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Percentiles:
    """The percentiles of some figures, in the unit of the figures."""

    p50: float
    p95: float
    p99: float
    max: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Percentiles":
        """Return the percentiles of at least one value."""
        cuts = quantiles(values if len(values) > 1 else [*values, *values], n=100, method="inclusive")
        return cls(cuts[49], cuts[94], cuts[98], max(values))

    @classmethod
    def median(cls, runs: Sequence["Percentiles"]) -> "Percentiles":
        """Return the median of each figure."""
        return cls(*(median(getattr(run, name) for run in runs) for name in cls.__slots__))


@dataclass
class Series:
    """The cost of one way of doing something: the milliseconds and the MongoDB commands of each run."""

    name: str
    milliseconds: list[float] = field(default_factory=list)
    commands: list[list[str]] = field(default_factory=list)

    @property
    def percentiles(self) -> Percentiles:
        return Percentiles.of(self.milliseconds)

    @property
    def round_trips(self) -> int:
        """The most commands that one run has sent."""
        return max(len(each) for each in self.commands)


@dataclass
class Responses:
    """The responses to many requests: how long each took, and the MongoDB commands that were sent for them."""

    name: str
    seconds: float = 0.0
    milliseconds: list[float] = field(default_factory=list)
    commands: Counter[str] = field(default_factory=Counter)

    @property
    def requests_a_second(self) -> float:
        """The number of responses divided by the time in which at least one request waited."""
        return len(self.milliseconds) / self.seconds

    @property
    def line(self) -> str:
        """The row under RESPONSES_HEADING."""
        times = Percentiles.of(self.milliseconds)
        return (
            f"  {self.name:<24}{self.requests_a_second:>10,.0f}{times.p50:>10.2f}{times.p99:>10.2f}{times.max:>10.1f}"
        )


@dataclass(frozen=True)
class Finding:
    """A rule, and its violations."""

    rule: str
    broken: list[str]


def machine(details: str) -> str:
    """Return a line about the machine and the conditions of the measurement."""
    server = connection.database.client.server_info()["version"]
    return (
        f"{os.cpu_count()} cores (load {os.getloadavg()[0]:.1f}), Python {platform.python_version()}, "
        f"MongoDB {server}, pymongo {pymongo.version}; {details}"
    )


def comparison(ours: Series, peer: Series) -> Iterator[str]:
    """Yield the table of two series."""
    yield f"  {'':<22}{'p50 ms':>10}{'p99 ms':>10}{'round-trips':>14}"
    for each in (ours, peer):
        yield f"  {each.name:<22}{each.percentiles.p50:>10.2f}{each.percentiles.p99:>10.2f}{each.round_trips:>14}"
    left, right = ours.percentiles, peer.percentiles
    yield f"  {'ratio':<22}{left.p50 / right.p50:>9.2f}x{left.p99 / right.p99:>9.2f}x"


def aim(what: str, value: float, most: float, unit: str = "") -> str:
    """Return a line that says whether a figure is as small as it should be."""
    verdict = "met" if value <= most else "MISSED"
    return f"  {what}: {value:g}{unit}, aim at most {most:g}{unit}: {verdict}"


def write_findings(write: Write, findings: Sequence[Finding]) -> bool:
    """Write a line for each rule, and its first few violations. Return whether no rule is broken."""
    for finding in findings:
        verdict = "ok" if not finding.broken else f"BROKEN {len(finding.broken)} times"
        write(f"  {finding.rule:<60}{verdict}")
        for breach in finding.broken[:BREACHES_SHOWN]:
            write(f"      {breach}")
    return not any(finding.broken for finding in findings)


def write_progress(write: Write, line: str) -> None:
    """Write a line, and flush it, because output to a pipe is buffered."""
    write(line)
    sys.stdout.flush()
