"""The base of the loopback servers: an HTTP/1.1 server on 127.0.0.1 that counts requests and fails on demand."""

import json
import time
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Mapping
from threading import Lock, Thread
from typing import Any, Self

from lab.loopback.call_rate import CallRate
from lab.loopback.exchange import Answer, LoopbackRequest
from lab.loopback.faults import Failure, Fault, Faults, Outage
from lab.loopback.http import LoopbackHTTPServer

SEEN_PATH = "/_seen"
_KEPT_REASONS = 100

# A request, and its response.
Exchange = tuple[LoopbackRequest, Answer]


class LoopbackServer(ABC):
    """A stand-in for a vendor's HTTP API. Use it as a context manager: it listens inside the block.

    `requests` counts the calls, and `rejected` those that the vendor would have refused. `reasons` keeps the latest
    refusals in words. Calls with an injected failure that is not `applied` count only as requests. Calls over the
    account's limit count as `over_limit`, but not as `rejected`. A response is sent `latency` seconds after the arrival
    of its request. This includes the time that the stand-in itself needs.
    """

    host = "127.0.0.1"

    def __init__(self, *, latency: float = 0.0) -> None:
        self.latency = latency
        self.port = 0
        self.requests = 0
        self.rejected = 0
        self.over_limit = 0
        self.exchanges: list[Exchange] | None = None
        self.reasons: deque[str] = deque(maxlen=_KEPT_REASONS)
        self._faults = Faults()
        self._rate = CallRate()
        self._lock = Lock()

    def __enter__(self) -> Self:
        self._http = LoopbackHTTPServer((self.host, self.port), self.respond)
        self.port = self._http.server_address[1]
        self._thread = Thread(target=self._http.serve_forever, args=(0.05,), name=type(self).__name__, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._http.stop()
        self._thread.join()

    @property
    def connections(self) -> int:
        """How many connections have been made."""
        return self._http.accepted

    @property
    def open_connections(self) -> int:
        """How many connections are open."""
        return self._http.open_connections

    @property
    def address(self) -> str:
        """Host and port, as a URL has them."""
        return f"{self.host}:{self.port}"

    def fail_next(self, *, status: int, times: int = 1, body: bytes = b"", applied: bool = False) -> None:
        """Respond to the next requests with this status and body."""
        self._faults.add(Fault(Failure.STATUS, status=status, body=body, applied=applied), times)

    def hang_next(self, *, seconds: float, times: int = 1, applied: bool = False) -> None:
        """Keep the next requests waiting, then close their connections."""
        self._faults.add(Fault(Failure.HANG, seconds=seconds, applied=applied), times)

    def reset_next(self, *, times: int = 1, applied: bool = False) -> None:
        """Reset the connections of the next requests."""
        self._faults.add(Fault(Failure.RESET, applied=applied), times)

    def truncate_next(self, *, times: int = 1, applied: bool = False) -> None:
        """Close the connections of the next requests in the middle of the response's body."""
        self._faults.add(Fault(Failure.TRUNCATED, applied=applied), times)

    def fail_at_random(self, shares: Mapping[Fault, float], *, seed: int) -> None:
        """Let each request fail with these probabilities. With the same seed, the same requests of a sequence fail."""
        self._faults.add_at_random(shares, seed=seed)

    def go_down(self, *, after_requests: int, seconds: float) -> None:
        """Reset every connection for some seconds, once this number of requests has come since the server's start."""
        self._faults.add_outage(Outage(after_requests, seconds))

    def keep_exchanges(self) -> None:
        """Keep all exchanges from now on in `exchanges`, except those of requests with an injected failure."""
        self.exchanges = []

    def hang(self, *, seconds: float) -> None:
        """Accept requests for some seconds from now, but respond to none of them. Then close their connections."""
        self._faults.hang(seconds)

    def limit_calls(self, per_second: int) -> None:
        """Refuse the calls above this number in any second, as the vendor does; 0 means no limit."""
        self._rate = CallRate(per_second)

    def respond(self, request: LoopbackRequest) -> Answer | Fault:
        """Return what the HTTP layer must do with the request. The threads of the connections call this."""
        if request.target == SEEN_PATH:
            return Answer(200, json.dumps(self.seen()).encode())
        leaves_at = time.monotonic() + self.latency
        fault = self._faults.take()
        with self._lock:
            self.requests += 1
        outcome = fault if fault and not fault.applied else self._noted_answer(request, fault)
        time.sleep(max(0.0, leaves_at - time.monotonic()))
        return outcome

    def seen(self) -> dict[str, Any]:
        """Return the counts that `GET /_seen` sends."""
        return {"requests": self.requests, "rejected": self.rejected, **self.counts()}

    def _noted_answer(self, request: LoopbackRequest, fault: Fault | None) -> Answer | Fault:
        answer = self.answer(request)
        if self.exchanges is not None and fault is None:
            self.exchanges.append((request, answer))
        if answer.reason:
            with self._lock:
                self.rejected += 1
                self.reasons.append(answer.reason)
        return fault or answer

    def _admits(self, request: LoopbackRequest) -> bool:
        """Tell whether the call is within the account's limit."""
        if self._rate.admits(request.at):
            return True
        with self._lock:
            self.over_limit += 1
        return False

    @abstractmethod
    def answer(self, request: LoopbackRequest) -> Answer:
        """Check the request as the vendor does, remember it, and return the vendor's response."""

    @abstractmethod
    def counts(self) -> dict[str, Counter[str]]:
        """Return what was accepted, counted by kind."""
