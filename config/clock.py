"""The product's clock: this host's clock, or the database's if the host's is wrong (docs/adr/0054-clocks.md).

The product counts the seconds since the host's boot, because nobody can set that counter. The *lead* is how far the
database's clock is ahead of the counter. Until the lead is known, the product uses the host's clock. Once the lead is
known, the product notices immediately if somebody sets the host's clock.
"""

import math
import mmap
import time
from datetime import UTC, datetime, timedelta

# A host's clock that differs from the database's by more than this counts as wrong.
MOST_SKEW_SECONDS = 0.5
# A wrong clock counts as right again when it differs by less than this.
RIGHT_AGAIN_SECONDS = 0.25

# Three numbers that a process shares with the processes that it forks. A qcluster measures the lead for its workers.
_shared = memoryview(mmap.mmap(-1, mmap.PAGESIZE)).cast("d")
_LEAD, _TOLERANCE, _IS_IN_DOUBT = range(3)
_shared[_LEAD], _shared[_TOLERANCE] = math.nan, MOST_SKEW_SECONDS


def now() -> datetime:
    """Return the current time by the product's clock."""
    return datetime.now(UTC) if is_host_right() else datetime.fromtimestamp(_database(), UTC)


def timestamp() -> float:
    """Return the current time by the product's clock, in seconds since 1970."""
    return time.time() if is_host_right() else _database()


def sleep_until(moment: datetime) -> None:
    """Sleep until the moment. Never return earlier, even if the clock is adjusted meanwhile."""
    while (wait := moment - now()) > timedelta():
        time.sleep(wait.total_seconds())


def is_host_right() -> bool:
    """Tell whether the product uses this host's clock."""
    return not abs(skew_seconds()) > _shared[_TOLERANCE]


def skew_seconds() -> float:
    """Return how many seconds the database's clock is ahead of this host's, or NaN if that is not known."""
    return skew_by(_shared[_LEAD])


def skew_by(lead: float) -> float:
    """Return how many seconds the database's clock is ahead of this host's, given its lead over `steady_seconds`."""
    host = time.time()
    return steady_seconds() + lead - host


def steady_seconds() -> float:
    """Return the seconds since the host's boot, including the time for which the host was suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def set_lead(lead: float, *, uncertainty: float = 0.0) -> None:
    """Set by how many seconds the database's clock is ahead of `steady_seconds`, and end the doubt.

    The lead may be wrong by `uncertainty` seconds.
    """
    most = MOST_SKEW_SECONDS if is_host_right() else RIGHT_AGAIN_SECONDS
    is_right = abs(skew_by(lead)) <= most + uncertainty
    _shared[_LEAD] = lead
    _shared[_TOLERANCE] = uncertainty + (MOST_SKEW_SECONDS if is_right else RIGHT_AGAIN_SECONDS)
    _shared[_IS_IN_DOUBT] = False


def forget() -> None:
    """Use the host's clock again, as if the lead had never been measured."""
    _shared[_LEAD], _shared[_TOLERANCE], _shared[_IS_IN_DOUBT] = math.nan, MOST_SKEW_SECONDS, False


def doubt() -> None:
    """Treat the right time as unknown, so that workers claim nothing until `set_lead` is called."""
    _shared[_IS_IN_DOUBT] = True


def is_in_doubt() -> bool:
    """Tell whether the right time is not known."""
    return bool(_shared[_IS_IN_DOUBT])


def _database() -> float:
    return steady_seconds() + _shared[_LEAD]
