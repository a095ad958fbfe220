"""Failed calls to the cache, counted by the process that made them."""

from contextlib import suppress
from typing import Any

from django.dispatch import receiver
from prometheus_client import Counter

from config.cache import missed
from ops.metrics.requests import PROCESS

MISSES = Counter(
    "showgoals_cache_failures", "Calls to the cache that were a miss because it was away.", registry=PROCESS
)


@receiver(missed)
def count_failure(**_signal: Any) -> None:
    """Count the call."""
    with suppress(OSError):  # if the directory of the counters is gone, the request must not fail
        MISSES.inc()
