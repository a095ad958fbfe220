"""The tables of `bench lateness`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lab.bench.lateness.figures import Measured
from lab.bench.lateness.loads import Load
from lab.bench.report import Percentiles, aim

# For each load, the most milliseconds that the 99th percentiles of `activated` and `told` may reach.
AIMS = {"random": (25, 60), "instant": (500, 1500)}
# The titles of the rows with disturbances, and the highest factors by which the disturbances may delay shows.
BESIDE_MOVES, BESIDE_RECEIPTS, BESIDE_WEBHOOKS = "beside moves", "beside receipts", "beside webhooks"
MOST_TIMES_LATER = {BESIDE_MOVES: 1.25, BESIDE_RECEIPTS: 1.2, BESIDE_WEBHOOKS: 1.2}
FIGURES = ("p50", "p95", "p99", "max")


@dataclass(frozen=True, slots=True)
class Row:
    """The runs of one load on one system. The table shows their medians."""

    title: str
    runs: Sequence[Measured]

    @property
    def activated(self) -> Percentiles:
        """The medians of the runs."""
        return Percentiles.median([run.activated for run in self.runs])

    @property
    def told(self) -> Percentiles:
        """The medians of the runs."""
        return Percentiles.median([run.told for run in self.runs])

    @property
    def cells(self) -> list[float]:
        """The figures of the table, from left to right."""
        return [getattr(percentiles, name) for percentiles in (self.activated, self.told) for name in FIGURES]

    @property
    def faults(self) -> str:
        """What went wrong in any run."""
        return "; ".join(run.faults for run in self.runs if run.faults)


def table(title: str, rows: Sequence[Row]) -> Iterator[str]:
    """Yield the lines of one load's table. The other rows are compared with the first."""
    heads = "".join(f"{name:>9}" for name in FIGURES)
    yield f"\n{title}"
    yield f"  {'':<22}{'activated:':>11}{heads}{'told:':>8}{heads}{'ratio of p99':>16}"
    first, *others = rows
    yield _line(first)
    for row in others:
        ratios = (row.activated.p99 / first.activated.p99, row.told.p99 / first.told.p99)
        yield _line(row) + "".join(f"{ratio:>7.1f}x" for ratio in ratios)
    for row in rows:
        if row.faults:
            yield f"  WRONG: {row.title}: {row.faults}"


def aims(load: Load, ours: Row) -> Iterator[str]:
    """Yield lines that say whether the product is as punctual as it should be."""
    if wanted := AIMS.get(load.name):
        yield aim(f"{load.title}, activated p99", round(ours.activated.p99, 1), wanted[0], " ms")
        yield aim(f"{load.title}, told p99", round(ours.told.p99, 1), wanted[1], " ms")


def ratios(load: Load, ours: Row, others: Sequence[Row]) -> Iterator[str]:
    """Yield lines that say whether disturbances delay the starts and announcements of shows more than allowed."""
    for row in (each for each in others if each.title in MOST_TIMES_LATER):
        for what, beside, alone in (("activated", row.activated, ours.activated), ("told", row.told, ours.told)):
            ratio = round(beside.p99 / alone.p99, 2)
            yield aim(f"{load.title}, {what} p99 {row.title}", ratio, MOST_TIMES_LATER[row.title], "x")


def throughput(rows: Sequence[Row]) -> Iterator[str]:
    """Yield lines that say how many shows a second each system started, from the first nbf to the last commit."""
    for row in rows:
        rates = sorted(run.shows / run.seconds for run in row.runs)
        yield f"  {row.title:<22}{rates[len(rates) // 2]:>11,.0f} starts a second"


def _line(row: Row) -> str:
    activated, told = row.cells[:4], row.cells[4:]
    figures = ["".join(f"{cell:>9,.1f}" for cell in cells) for cells in (activated, told)]
    return f"  {row.title:<33}{figures[0]}{'':>8}{figures[1]}"
