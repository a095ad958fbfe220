"""The clock of this host."""

import time
from datetime import UTC, datetime, timedelta


def sleep_until(moment: datetime) -> None:
    """Sleep until the moment by this host's clock, never less, even while the clock is being adjusted."""
    while (wait := moment - datetime.now(UTC)) > timedelta():
        time.sleep(wait.total_seconds())
