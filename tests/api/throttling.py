"""Switches the throttles on for a test, with the test's own rates."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from django.test import override_settings

from api.throttles import tally

# Far in the future, because MongoDB deletes counts whose window has ended.
NOW = datetime(2099, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)
PLENTY = "1000/min"
RATES = {"user": PLENTY, "address": PLENTY, "login_address": PLENTY, "login_name": PLENTY}


@contextmanager
def throttled(**rates: str) -> Iterator[None]:
    """Throttle requests inside the block, and count them from zero."""
    tally.forget()
    with override_settings(THROTTLE=True, THROTTLE_RATES=RATES | rates):
        yield
    tally.forget()
