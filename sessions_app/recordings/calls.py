"""Makes the calls to BytePlus of one batch."""

import time
from collections.abc import Sequence

from django_q.conf import Conf

from config.errors import TransportError
from sessions_app.rtc import get_rtc
from sessions_app.rtc.base import RTCCall, RTCResult

# After this many passing failures in a row, BytePlus is taken to be down: a retry of the task makes the other calls.
AWAY_AFTER = 3
# No call begins in the last seconds before the task's time-out. They are enough for the longest call and its result.
RESERVED_SECONDS = 20


def make_calls(calls: Sequence[RTCCall]) -> dict[RTCCall, RTCResult]:
    """Make the calls in this order, and return the result of each. A call that wasn't made has a passing error."""
    last_call_at = time.monotonic() + Conf.TIMEOUT - RESERVED_SECONDS
    rest = iter(calls)
    results: dict[RTCCall, RTCResult] = {}
    failures = 0
    for result in get_rtc().send(rest):
        results[result.call] = result
        failures = failures + 1 if result.error and _is_outage(result.error) else 0
        if failures == AWAY_AFTER or time.monotonic() > last_call_at:
            # This takes all calls that are left, so the backend finds none.
            results |= {call: RTCResult(call, _not_made()) for call in rest}
    return results


def _is_outage(error: TransportError) -> bool:
    return not error.permanent and not error.limited


def _not_made() -> TransportError:
    return TransportError("Not tried, because BytePlus does not answer in time.", permanent=False)
