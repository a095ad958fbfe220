"""Clocks: messages are due by this host's clock, and documents are compared with other hosts'."""

import logging
from datetime import UTC, datetime

from mongodb.collections import connection

logger = logging.getLogger(__name__)

WARN_ABOVE_SECONDS = 0.05
SAMPLES = 5


def skew_seconds() -> float:
    """Return by how much the database's clock is ahead of this host's: the sample with the quickest answer."""
    return min((_sample() for _ in range(SAMPLES)), key=lambda sample: sample[0])[1]


def warn_about_skew() -> float:
    """Measure the skew, log it, warn when shows would notice. A show never starts early by this host's clock."""
    skew = skew_seconds()
    level = logging.WARNING if abs(skew) > WARN_ABOVE_SECONDS else logging.INFO
    logger.log(level, "clock skew database=%+.3fs warn_above=%.3fs", skew, WARN_ABOVE_SECONDS)
    return skew


def _sample() -> tuple[float, float]:
    """Return (round-trip, skew) of one question to the server; its answer is taken for the middle of the trip."""
    asked = datetime.now(UTC)
    server = connection.get_database().command("hello")["localTime"].replace(tzinfo=UTC)
    answered = datetime.now(UTC)
    return (answered - asked).total_seconds(), (server - (asked + (answered - asked) / 2)).total_seconds()
