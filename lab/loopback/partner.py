"""A stand-in for partners' servers: each path is an endpoint. One endpoint hangs, and one returns 500."""

from collections import Counter
from typing import NamedTuple

from lab.loopback.exchange import Answer, LoopbackRequest
from lab.loopback.faults import Failure, Fault
from lab.loopback.server import LoopbackServer

HANGING, FAILING = "/hangs", "/fails"
# This is longer than any call may last.
HANG_SECONDS = 12.0


class Arrival(NamedTuple):
    """A call: the path, the id of the event, and when the call arrived (Unix seconds)."""

    path: str
    event_id: str
    at: float


class PartnerLoopback(LoopbackServer):
    """Accepts all calls, except those to HANGING and FAILING. `arrivals` has all calls, in order of arrival."""

    def __init__(self) -> None:
        super().__init__()
        self.arrivals: list[Arrival] = []

    def respond(self, request: LoopbackRequest) -> Answer | Fault:
        """Note a call to HANGING without sending a response. Answer all other calls."""
        if request.path == HANGING:
            self.answer(request)
            return Fault(Failure.HANG, seconds=HANG_SECONDS)
        return super().respond(request)

    def answer(self, request: LoopbackRequest) -> Answer:
        """Note the call. Return 500 for FAILING, or else 204."""
        self.arrivals.append(Arrival(request.path, request.headers["webhook-id"], request.at))
        return Answer(500 if request.path == FAILING else 204, b"")

    def counts(self) -> dict[str, Counter[str]]:
        """Count the calls by path."""
        return {"calls": Counter(each.path for each in self.arrivals)}
