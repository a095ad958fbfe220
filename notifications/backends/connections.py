"""Makes HTTP calls to a realtime vendor over persistent connections, with retries, and maps failures to errors."""

from collections.abc import Iterable, Iterator

from config.errors import TransportError
from config.libcurl import Connections as VendorConnections
from config.vendor_calls import PendingCall, Sign
from notifications.backends.base import CallResult, RealtimeCall
from notifications.backends.failures import error_after, judge_answer
from taskqueue.pace import pace_of


class Connections:
    """Persistent connections to one vendor, `concurrency` of them for each thread that sends."""

    def __init__(
        self, vendor: str, concurrency: int, timeout_seconds: tuple[float, float], *, per_second: int = 0
    ) -> None:
        """`timeout_seconds` has the time-outs for connecting, and for the rest of an attempt.

        All processes together make at most `per_second` calls a second; 0 means no limit.
        """
        self._vendor = vendor
        self._connections = VendorConnections[RealtimeCall](
            vendor.lower(),
            concurrency=concurrency,
            timeout_seconds=timeout_seconds,
            reserve=pace_of(vendor.lower(), per_second),
        )

    def send(self, calls: Iterable[RealtimeCall | None], sign: Sign[RealtimeCall]) -> Iterator[CallResult]:
        """Make the calls and yield the result of each.

        Each attempt is signed anew. A TransportError raised by `sign` ends the call.
        """
        for pending in self._connections.send(calls, sign, judge_answer):
            yield CallResult(pending.call, self._error(pending))

    def _error(self, pending: PendingCall[RealtimeCall]) -> TransportError | None:
        if not pending.failures:
            return pending.error
        return error_after(pending.failures, f"{self._vendor} {type(pending.call).__name__.lower()}")
