"""The time at which tests stop the clock."""

from datetime import UTC, datetime

NOW = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
WHOLE = NOW.replace(microsecond=0)


def as_stored(moment: datetime) -> datetime:
    """Return the moment as pymongo reads it: in UTC, but without a time zone."""
    return moment.replace(tzinfo=None)
