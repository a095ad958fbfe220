"""The figures of one load on one system."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lab.bench.environment import BenchFailed
from lab.bench.letin.observed import Observed
from lab.bench.letin.vendors import LATENCY_SECONDS
from lab.bench.planting import PlantedShow
from lab.bench.report import Percentiles


@dataclass(frozen=True, slots=True)
class StartingShow:
    """A planted show and the number of its payers. A load may have one large show."""

    planted: PlantedShow
    payers: int
    is_large: bool = False


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU seconds until nothing was left to do.

    The count begins at the first nbf, or at a vendor's hang before it. For a peer, it begins before the peer gets its
    calls.
    """

    system: float
    mongodb: float
    stand_ins: float


@dataclass(frozen=True, slots=True)
class Calls:
    """The numbers of accepted calls for the starts, of calls over the limit, and of connections open at the end."""

    made: int
    over_limit: int
    connections: int

    @property
    def bound(self) -> float:
        """The seconds that the calls take if every connection is always busy."""
        return self.made * LATENCY_SECONDS / max(self.connections, 1)


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds from nbf until a show's last payer was let in, and until the show was recorded.

    If a vendor hung, its seconds count from its return. The percentiles of `let_in` leave out the large show. `large`
    has the seconds until the last payer of the large show was let in.
    """

    let_in: Percentiles
    recorded: Percentiles
    large: float | None
    calls: Calls
    cost: Cost
    wrong: Sequence[str] = ()


def let_in_seconds(
    shows: Sequence[StartingShow], observed: Observed, *, returned_at: float
) -> tuple[Percentiles, float | None]:
    """Return the percentiles in seconds of the shows whose payers were all let in, and the seconds of the large show.

    Raises BenchFailed if no show except the large one has let in all its payers.
    """
    seconds: dict[bool, list[float]] = {False: [], True: []}
    for show in shows:
        arrivals = observed.let_in.get(show.planted.streamer_id, {})
        if len(arrivals) == show.payers:
            since = max(show.planted.nbf.timestamp(), returned_at)
            seconds[show.is_large].append(max(arrivals.values()) - since)
    return percentiles(seconds[False], "has let in all its payers"), max(seconds[True], default=None)


def recorded_seconds(
    shows: Sequence[StartingShow], recorded: Mapping[str, float], *, returned_at: float
) -> Percentiles:
    """Return the percentiles of the seconds until a show was recorded. Raises BenchFailed if none was recorded."""
    nbf = {show.planted.goal_id: show.planted.nbf.timestamp() for show in shows}
    return percentiles(
        [at - max(nbf[goal_id], returned_at) for goal_id, at in recorded.items() if goal_id in nbf], "was recorded"
    )


def percentiles(seconds: Sequence[float], what: str) -> Percentiles:
    """Return the percentiles. Raises BenchFailed if there are no values."""
    if not seconds:
        raise BenchFailed(f"No show {what} in time.")
    return Percentiles.of(seconds)
