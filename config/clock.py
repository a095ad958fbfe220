"""The clock of this host."""

import time
from datetime import UTC, datetime, timedelta


def sleep_until(moment: datetime) -> None:
    """Sleep; never less, also when the clock is being slowed down."""
    while (wait := moment - datetime.now(UTC)) > timedelta():
        time.sleep(wait.total_seconds())
