"""The tables of `bench fanout`."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from statistics import median

from django.conf import settings

from lab.bench.fanout.show_starts import WORKERS
from lab.bench.fanout.trial import FanOut
from lab.bench.report import aim
from notifications.backends.pusher_rules import LIMITS

MOST_TIMES_THE_BOUND = (10_000, 2)
MOST_SECONDS = (100_000, 30)
MOST_MEGABYTES_MORE = (1_000, 100_000, 150)


@dataclass(frozen=True, slots=True)
class Row:
    """The runs with the same audiences. The table shows their medians."""

    audiences: Sequence[int]
    rtt_seconds: float
    runs: Sequence[FanOut]

    @property
    def viewers(self) -> int:
        """The number of viewers of all shows."""
        return sum(self.audiences)

    @property
    def median(self) -> FanOut:
        """The median of each figure."""
        return FanOut(*(median(getattr(run, field.name) for run in self.runs) for field in fields(FanOut)))

    @property
    def bound(self) -> float:
        """The seconds that the requests alone would take if every connection were always busy."""
        return plain_requests(self.audiences) * self.rtt_seconds / (WORKERS * settings.NOTIFY_CONCURRENCY)


def plain_requests(audiences: Sequence[int]) -> int:
    """Return the number of requests if none fails.

    All viewers get the same preview event, but each viewer gets an sd event of their own.
    """
    return sum(math.ceil(n / LIMITS.channels_per_broadcast) + math.ceil(n / LIMITS.events_per_batch) for n in audiences)


def table(rows: Sequence[Row]) -> Iterator[str]:
    """Yield a line for each row."""
    yield (
        f"\n  {'viewers':<16}{'seconds':>9}{'bound':>8}{'ratio':>7}{'viewers/s':>11}{'requests':>10}"
        f"{'CPU s':>8}{'peak MB':>9}{'stand-in CPU s':>16}"
    )
    for row in rows:
        title = f"{len(row.audiences)} x {row.audiences[0]:,}" if len(row.audiences) > 1 else f"{row.viewers:,}"
        each = row.median
        yield (
            f"  {title:<16}{each.seconds:>9.2f}{row.bound:>8.2f}{each.seconds / row.bound:>6.1f}x"
            f"{row.viewers / each.seconds:>11,.0f}{each.requests:>10,.0f}{each.cpu_seconds:>8.2f}"
            f"{each.peak_megabytes:>9.0f}{each.stand_in_cpu_seconds:>16.2f}"
        )


def peer_table(rows: Sequence[Row], seconds: float, measured: int) -> Iterator[str]:
    """Yield the lines of the peer's table. Figures for more viewers than were measured are extrapolated."""
    yield f"\n  One trigger a viewer and event, in sequence, nothing recorded ({measured:,} viewers measured)"
    yield f"  {'viewers':<16}{'seconds':>9}{'viewers/s':>11}{'slower':>9}"
    for row in rows:
        peer = seconds * row.viewers / measured
        note = "" if row.viewers <= measured else "   extrapolated"
        yield (f"  {row.viewers:<16,}{peer:>9,.1f}{row.viewers / peer:>11,.0f}{peer / row.median.seconds:>8.0f}x{note}")


def aims(rows: Sequence[Row]) -> Iterator[str]:
    """Yield a line about each aim: how long a fan-out may take, and how much memory a worker may use."""
    single: Mapping[int, Row] = {row.viewers: row for row in rows if len(row.audiences) == 1}
    viewers, most = MOST_TIMES_THE_BOUND
    if row := single.get(viewers):
        yield aim(f"{viewers:,} viewers, times the bound", round(row.median.seconds / row.bound, 2), most, "x")
    viewers, most = MOST_SECONDS
    if row := single.get(viewers):
        yield aim(f"{viewers:,} viewers", round(row.median.seconds, 1), most, " s")
    few, many, most = MOST_MEGABYTES_MORE
    if few in single and many in single:
        more = single[many].median.peak_megabytes - single[few].median.peak_megabytes
        yield aim(f"a worker's memory at {many:,} above that at {few:,}", round(more), most, " MB")
