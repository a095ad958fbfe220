"""The tables of `bench letin`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from lab.bench.letin.bare_client import Spent
from lab.bench.letin.figures import Calls, Measured
from lab.bench.letin.loads import Load, Wanted
from lab.bench.letin.vendors import LATENCY_SECONDS
from lab.bench.report import Percentiles, aim

ALONE, WITH_SMALL_ONES = "1x10000", "1x10000+200x10"
MOST_TIMES_ALONE = 1.3
HEADING = (
    f"  {'':<18}{'let in p50':>12}{'p99':>9}{'recorded p50':>15}{'p99':>9}"
    f"   CPU: {'system':>8}{'MongoDB':>9}{'stand-ins':>11}"
)


@dataclass(frozen=True, slots=True)
class Row:
    """The runs of one load on one system. The table shows their medians."""

    title: str
    runs: Sequence[Measured]

    @property
    def let_in(self) -> Percentiles:
        """The medians of the runs."""
        return Percentiles.median([run.let_in for run in self.runs])

    @property
    def recorded(self) -> Percentiles:
        """The medians of the runs."""
        return Percentiles.median([run.recorded for run in self.runs])

    @property
    def large(self) -> float | None:
        """The median time until the last payer of the large show was let in; None if the load has no large show."""
        seconds = [run.large for run in self.runs if run.large is not None]
        return median(seconds) if seconds else None


def table(load: Load, rows: Sequence[Row], bare: Sequence[Spent]) -> Iterator[str]:
    """Yield the lines of one load. The first row is the product's."""
    yield f"\n{load.title} ({load.name})"
    yield HEADING
    for row in rows:
        costs = [median(getattr(run.cost, name) for run in row.runs) for name in ("system", "mongodb", "stand_ins")]
        yield (
            f"  {row.title:<18}{row.let_in.p50:>12.2f}{row.let_in.p99:>9.2f}{row.recorded.p50:>15.2f}"
            f"{row.recorded.p99:>9.2f}        {costs[0]:>8.2f}{costs[1]:>9.2f}{costs[2]:>11.2f}"
        )
    for row in rows:
        if (large := row.large) is not None:
            yield f"  {row.title}: the large show is let in after {large:.2f} s"
    yield _bound([run.calls for run in rows[0].runs])
    if bare:
        seconds, cpu = median(each.seconds for each in bare), median(each.cpu_seconds for each in bare)
        yield f"  the same calls by bare libcurl: {seconds:.2f} s, {cpu:.2f} s of CPU"
    yield from _wrong(rows)


def aims(load: Load, ours: Row) -> Iterator[str]:
    """Yield lines that say whether the product is as fast as it should be, and as it must be."""
    for what, figures, wanted in (
        ("let in", ours.let_in, load.let_in),
        ("recorded", ours.recorded, load.recorded),
    ):
        if wanted:
            yield verdict(f"{load.name}, {what} p99", figures.p99, wanted)


def verdict(what: str, seconds: float, wanted: Wanted) -> str:
    """Return a line that says whether a figure is as small as it should be, and as it must be."""
    goal, must = ("met" if seconds <= most else "MISSED" for most in (wanted.goal, wanted.must))
    return f"  {what}: {seconds:.2f} s, goal {wanted.goal:g} s: {goal}, must {wanted.must:g} s: {must}"


def ratio(rows: dict[str, Row]) -> Iterator[str]:
    """Yield a line about how much longer the large show takes beside small ones.

    `rows` has the product's row of each load.
    """
    if ALONE in rows and WITH_SMALL_ONES in rows and (large := rows[WITH_SMALL_ONES].large) is not None:
        times = round(large / rows[ALONE].let_in.p50, 2)
        yield aim("10,000 payers beside 200 other shows, times as long as alone", times, MOST_TIMES_ALONE, "x")


def _bound(runs: Sequence[Calls]) -> str:
    made, over, connections = (
        median(getattr(run, name) for run in runs) for name in ("made", "over_limit", "connections")
    )
    refused = f"; {over:,.0f} were over the limit" if over else ""
    seconds = median(run.bound for run in runs)
    latency = f"{LATENCY_SECONDS * 1000:g} ms"
    return f"  bound: {made:,.0f} calls x {latency} / {connections:,.0f} connections = {seconds:.2f} s{refused}"


def _wrong(rows: Sequence[Row]) -> Iterator[str]:
    for row in rows:
        for run in row.runs:
            for each in run.wrong:
                yield f"  WRONG: {row.title}: {each}"
