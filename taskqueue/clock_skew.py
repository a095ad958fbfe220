"""Compares this host's clock with the database's, and decides which of them counts (docs/adr/0054-clocks.md)."""

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC
from enum import StrEnum

from config import clock
from mongodb.collections import connection

logger = logging.getLogger(__name__)

# If the two clocks differ by more than this, shows start noticeably early or late. Synchronised clocks differ by less.
WARN_ABOVE_SECONDS = 0.05
SAMPLES = 5
# If the clocks disagree, this many consecutive measurements have to agree before the database's clock counts.
IN_A_ROW = 3
# Measurements agree if they differ by no more than this plus their uncertainties.
STEADY_WITHIN_SECONDS = 0.25


class CountingClock(StrEnum):
    """The clock that a process uses. With NONE, the right time is not known, and workers claim nothing."""

    HOST = "host"
    DATABASE = "database"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Measurement:
    """How many seconds the database's clock is ahead of `clock.steady_seconds`: `lead`, give or take `uncertainty`."""

    lead: float
    uncertainty: float

    def agrees_with(self, other: "Measurement") -> bool:
        """Tell whether the database's clock has run steadily between the two measurements."""
        return abs(self.lead - other.lead) <= STEADY_WITHIN_SECONDS + self.uncertainty + other.uncertainty


class ClockWatch:
    """Keeps this process, and the processes that it has forked, on the right clock. Call `look` regularly."""

    def __init__(self, measure: Callable[[], Measurement] | None = None) -> None:
        self._measure = measure or measure_lead
        self._measured: deque[Measurement] = deque(maxlen=IN_A_ROW)
        self._counted: CountingClock | None = None

    def look(self) -> None:
        """Measure the lead, and decide which clock counts. The first look measures IN_A_ROW times.

        Raises PyMongoError.
        """
        self._measured.append(self._measure())
        while len(self._measured) < IN_A_ROW:
            self._measured.append(self._measure())
        newest = self._measured[-1]
        if _confirms_host(newest) or all(newest.agrees_with(each) for each in self._measured):
            clock.set_lead(newest.lead, uncertainty=newest.uncertainty)
        else:
            clock.doubt()
        self._log()

    def _log(self) -> None:
        counts, former = counting(), self._counted
        if counts is former:
            return
        self._counted, skew = counts, clock.skew_seconds()
        match counts:
            case CountingClock.HOST:
                level = logging.WARNING if former or abs(skew) > WARN_ABOVE_SECONDS else logging.INFO
                logger.log(level, "this host's clock counts database=%+.3fs warn_above=%.3fs", skew, WARN_ABOVE_SECONDS)
            case CountingClock.DATABASE:
                logger.critical("this host's clock is wrong, the database's counts database=%+.3fs", skew)
            case CountingClock.NONE:
                leads = [round(each.lead - self._measured[0].lead, 3) for each in self._measured]
                logger.critical("clocks are not steady, nothing is claimed database=%+.3fs moved=%s", skew, leads)


def counting() -> CountingClock:
    """Return the clock that this process uses."""
    if clock.is_in_doubt():
        return CountingClock.NONE
    return CountingClock.HOST if clock.is_host_right() else CountingClock.DATABASE


def measure_lead() -> Measurement:
    """Ask the database for its time several times, and return the measurement with the quickest response."""
    return min((_sample() for _ in range(SAMPLES)), key=lambda sample: sample.uncertainty)


def _confirms_host(measurement: Measurement) -> bool:
    """Tell whether this measurement alone shows that the clocks agree. Wrong clocks would not agree by accident."""
    return abs(clock.skew_by(measurement.lead)) <= clock.MOST_SKEW_SECONDS + measurement.uncertainty


def _sample() -> Measurement:
    """Ask the server for its time once. The server is taken to have read its clock in the middle of the round-trip."""
    asked = clock.steady_seconds()
    server = connection.get_database().command("hello")["localTime"].replace(tzinfo=UTC).timestamp()
    half = (clock.steady_seconds() - asked) / 2
    return Measurement(lead=server - asked - half, uncertainty=half)
