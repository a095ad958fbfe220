"""Makes one batch of calls to BytePlus."""

import time
from collections.abc import Sequence

from django_q.conf import Conf

from config.errors import TransportError
from sessions_app.rtc import get_rtc
from sessions_app.rtc.base import RTCCall, RTCResult

# After this many temporary failures in a row, BytePlus counts as down. A retry of the task makes the remaining calls.
# A call that was refused because there were too many calls in a second does not count as a failure here.
AWAY_AFTER = 3
# No call begins if fewer than this many seconds are left until the task's time-out. This is enough time for the longest
# call and for storing the results.
RESERVED_SECONDS = 20


def make_calls(calls: Sequence[RTCCall]) -> dict[RTCCall, RTCResult]:
    """Make the calls in order, and return the results by call. A call that was not made gets a temporary error."""
    last_call_at = time.monotonic() + Conf.TIMEOUT - RESERVED_SECONDS
    rest = iter(calls)
    results: dict[RTCCall, RTCResult] = {}
    failures = 0
    for result in get_rtc().send(rest):
        results[result.call] = result
        failures = failures + 1 if result.error and _is_outage(result.error) else 0
        if failures == AWAY_AFTER or time.monotonic() > last_call_at:
            # This line takes the remaining calls from the iterator, so the backend makes no more calls.
            results |= {call: RTCResult(call, _not_made()) for call in rest}
    return results


def _is_outage(error: TransportError) -> bool:
    return not error.permanent and not error.limited


def _not_made() -> TransportError:
    return TransportError("Not tried, because earlier calls to BytePlus failed or took too long.", permanent=False)
