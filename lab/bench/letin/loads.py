"""The loads: how many shows start, how many payers they have, and which vendor does not respond during the start."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from typing import Any

from lab.bench.lateness import loads as lateness

FAST_BYTEPLUS, SLOW_BYTEPLUS = 1000, 60  # calls a second that the account allows
# Recording all shows may take this many times as long as the account's limit requires.
MOST_TIMES_THE_PACE = 1.15
SECONDS_AFTER_RETURN = 3.0
HANG_SECONDS = 30
HANG_AHEAD_SECONDS = 5


class Vendor(Enum):
    """A vendor. The value is the name of its attribute in `StandIns`."""

    PUSHER = "pusher"
    BYTEPLUS = "byteplus"


@dataclass(frozen=True, slots=True)
class Hang:
    """A vendor that does not respond shortly before and after the start.

    If the vendor is `stopped` (by SIGSTOP), only the kernel accepts its connections. Otherwise, the vendor accepts
    requests, but does not respond to them.
    """

    vendor: Vendor
    stopped: bool
    seconds: float = HANG_SECONDS


# The values of `--beside`, and the hangs that they stand for.
HANGS = {
    "pusher-hangs": Hang(Vendor.PUSHER, stopped=False),
    "pusher-stops": Hang(Vendor.PUSHER, stopped=True),
    "byteplus-hangs": Hang(Vendor.BYTEPLUS, stopped=False),
    "byteplus-stops": Hang(Vendor.BYTEPLUS, stopped=True),
}


@dataclass(frozen=True, slots=True)
class Audience:
    """Shows with the same number of payers."""

    shows: int
    payers: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """The limits in seconds below which a 99th percentile should stay (`goal`), and must stay (`must`)."""

    goal: float
    must: float

    def at_least(self, seconds: float) -> "Wanted":
        """Return the same limits, each raised to at least this number of seconds."""
        return Wanted(max(self.goal, seconds), max(self.must, seconds))


@dataclass(frozen=True, slots=True)
class Load:
    """Shows whose nbf lie within `milliseconds`. If that is 0, all shows have the same nbf.

    `main` has the shows whose percentiles are reported, and `large` has one more show that starts with them.
    """

    name: str
    title: str
    main: Audience
    let_in: Wanted | None = None
    recorded: Wanted | None = None
    large: Audience | None = None
    milliseconds: int = 0
    byteplus_per_second: int = FAST_BYTEPLUS
    hang: Hang | None = None

    @property
    def audiences(self) -> tuple[Audience, ...]:
        """The audiences of all shows. The large show comes first, because its planning takes longest."""
        return (self.main,) if self.large is None else (self.large, self.main)

    @property
    def shows(self) -> int:
        """How many shows start."""
        return sum(each.shows for each in self.audiences)

    @property
    def payers(self) -> int:
        """How many payers are let in."""
        return sum(each.shows * each.payers for each in self.audiences)

    @property
    def has_peers(self) -> bool:
        """Whether peers are measured, too. Peers can neither wait for a vendor that hangs, nor keep to a limit."""
        return self.hang is None and self.byteplus_per_second == FAST_BYTEPLUS

    def resized(self, shows: int | None, hang_seconds: float) -> "Load":
        """Return the same load with a hang of this duration and, if it has several shows, with this number of shows.

        If the number of shows changes, the wanted figures are left out, because they are for the original number.
        """
        resized = replace(self, hang=self.hang and replace(self.hang, seconds=hang_seconds))
        if shows is None or self.main.shows == 1:
            return resized
        title = self.title.replace(f"{self.main.shows:,} shows", f"{shows:,} shows")
        return replace(resized, title=title, main=replace(self.main, shows=shows), let_in=None, recorded=None)

    def beside(self, hang: Hang, *, name: str) -> "Load":
        """Return the same load with this hang.

        The figure of this vendor counts from its return. The figure of the other vendor should be as small as without
        the hang.
        """
        vendor, figure = _VENDORS[hang.vendor]
        title = f"{self.title}, {vendor} {'is stopped' if hang.stopped else 'does not answer'} around it"
        wanted: Wanted | None = getattr(self, figure)
        changes: dict[str, Any] = {figure: wanted and wanted.at_least(SECONDS_AFTER_RETURN)}
        return replace(self, name=name, title=title, hang=hang, **changes)

    def moments(self, audience: Audience, begin: int) -> Iterator[datetime]:
        """Yield the nbf of each show of the audience, from `begin` (Unix seconds) on."""
        spread = lateness.Load(self.name, self.title, audience.shows, self.milliseconds)
        return spread.moments(begin)


_BURST = Load(
    "500x10", "500 shows of 10 payers at one second", Audience(500, 10), Wanted(1.5, 2), recorded=Wanted(1.5, 2)
)
_AT_PACE_SECONDS = _BURST.shows / SLOW_BYTEPLUS
# The title of a vendor, and the figure that counts from its return.
_VENDORS = {Vendor.PUSHER: ("Pusher", "let_in"), Vendor.BYTEPLUS: ("BytePlus", "recorded")}

LOADS = {
    load.name: load
    for load in (
        _BURST,
        Load("1000x1", "1,000 shows of 1 payer at one second", Audience(1000, 1), Wanted(1.2, 2), Wanted(1.5, 2)),
        Load("1000x25", "1,000 shows of 25 payers at one second", Audience(1000, 25), Wanted(4, 5), Wanted(2, 3)),
        Load("1x10000", "1 show of 10,000 payers", Audience(1, 10_000)),
        Load(
            "1x10000+200x10",
            "200 shows of 10 payers and 1 of 10,000 at one second",
            Audience(200, 10),
            Wanted(1, 2),
            Wanted(2, 2),
            large=Audience(1, 10_000),
        ),
        Load(
            "random",
            "200 shows of 10 payers at random moments",
            Audience(200, 10),
            Wanted(0.15, 0.2),
            Wanted(0.2, 0.2),
            milliseconds=20_000,
        ),
        replace(
            _BURST,
            name="500x10-60qps",
            title=f"{_BURST.title}, BytePlus takes {SLOW_BYTEPLUS} calls a second",
            recorded=Wanted(round(_AT_PACE_SECONDS, 2), round(MOST_TIMES_THE_PACE * _AT_PACE_SECONDS, 2)),
            byteplus_per_second=SLOW_BYTEPLUS,
        ),
        *(_BURST.beside(hang, name=name) for name, hang in HANGS.items()),
    )
}
