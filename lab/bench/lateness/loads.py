"""The loads: how many shows start, and when."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True, slots=True)
class Load:
    """A number of shows whose nbf lie within `milliseconds`. If that is 0, all shows have the same nbf."""

    name: str
    title: str
    shows: int
    milliseconds: int

    @property
    def seconds(self) -> float:
        """The duration of the load in seconds."""
        return self.milliseconds / 1000

    def resized(self, shows: int | None) -> "Load":
        """Return the same load with another number of shows."""
        return (
            self
            if shows is None
            else replace(self, title=self.title.replace(f"{self.shows:,}", f"{shows:,}"), shows=shows)
        )

    def moments(self, begin: int) -> Iterator[datetime]:
        """Yield the nbf of each show, from `begin` (Unix seconds) on. The offsets are the same for all systems."""
        dice = random.Random(self.name)  # noqa: S311 - a load, not a secret
        for _ in range(self.shows):
            offset = timedelta(milliseconds=dice.randint(0, self.milliseconds))
            yield datetime.fromtimestamp(begin, tz=UTC) + offset


LOADS = {
    load.name: load
    for load in (
        Load("random", "200 at random moments", shows=200, milliseconds=20_000),
        Load("instant", "1,000 at one instant", shows=1000, milliseconds=0),
        Load("second", "1,000 over one second", shows=1000, milliseconds=1000),
    )
}
WARM_UP = Load("warm-up", "warm-up", shows=20, milliseconds=1000)
