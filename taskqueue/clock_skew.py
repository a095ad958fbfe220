"""The difference between this host's clock, by which messages are due, and the clock of the database."""

import logging
from datetime import UTC, datetime

from mongodb.collections import connection

logger = logging.getLogger(__name__)

WARN_ABOVE_SECONDS = 0.05
SAMPLES = 5


def skew_seconds() -> float:
    """Return by how many seconds the database's clock is ahead of this host's, as the quickest of some samples says."""
    return min((_sample() for _ in range(SAMPLES)), key=lambda sample: sample[0])[1]


def warn_about_skew() -> float:
    """Measure the skew and log it, as a warning if shows would start noticeably early or late because of it."""
    skew = skew_seconds()
    level = logging.WARNING if abs(skew) > WARN_ABOVE_SECONDS else logging.INFO
    logger.log(level, "clock skew database=%+.3fs warn_above=%.3fs", skew, WARN_ABOVE_SECONDS)
    return skew


def _sample() -> tuple[float, float]:
    """Return (round-trip, skew) in seconds.

    The server is taken to have read its clock in the middle of the round-trip.
    """
    asked = datetime.now(UTC)
    server = connection.get_database().command("hello")["localTime"].replace(tzinfo=UTC)
    answered = datetime.now(UTC)
    return (answered - asked).total_seconds(), (server - (asked + (answered - asked) / 2)).total_seconds()
