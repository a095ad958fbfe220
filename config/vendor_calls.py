"""The parts of a call to a vendor: its request, the response, and why a try failed."""

import math
import random
import time
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from config.errors import TransportError

BACKOFF_SECONDS = 0.2  # the longest back-off before the second try; it is doubled before the third

Call = TypeVar("Call")


@dataclass(frozen=True, slots=True)
class VendorRequest:
    """A signed request."""

    url: str
    headers: Mapping[str, str]
    body: bytes = b""
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete response. `head` holds its header lines."""

    status: int
    head: Sequence[bytes]
    body: bytes


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a try failed. `reason` is an HTTP status, or libcurl's name for an error.

    If `ambiguous`, the call may have had its effect. If `limited`, the vendor has responded that there are too many
    calls.
    """

    reason: str
    permanent: bool = False
    ambiguous: bool = True
    limited: bool = False
    wait_seconds: float = 0.0


@dataclass(slots=True)
class PendingCall(Generic[Call]):
    """A call and what has become of it.

    If it failed, `error` or `failures` say why. Otherwise `answer` is the response when the call is over.
    """

    call: Call
    last_try_at: float = 0.0
    resume_at: float = 0.0
    head: list[bytes] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)
    failures: list[Failure] = field(default_factory=list)
    error: TransportError | None = None
    answer: Answer | None = None


Sign = Callable[[Call], VendorRequest]
# Reserves at least one slot, and at most the given number. Returns the monotonic times at which tries may begin, in
# order.
Reserve = Callable[[int], Sequence[float]]
# Returns why a response means a failure, or None if it means success.
Judge = Callable[[Answer], Failure | None]


def pause_seconds(failure: Failure, *, tries: int) -> float:
    """Return the pause in seconds that the server asks for, but at least the back-off.

    Half of the back-off is random.
    """
    ceiling = BACKOFF_SECONDS * 2 ** (tries - 1)
    return max(failure.wait_seconds, random.uniform(ceiling / 2, ceiling))  # noqa: S311 - jitter, not a secret


# The monotonic time of each vendor's last response that was not a server error.
_answered_at: dict[str, float] = {}
# True while a single call finds out whether a vendor that was away is back.
probing: ContextVar[bool] = ContextVar("probing", default=False)
PROBE_SECONDS = 1.5
SERVER_ERRORS = 500


def note_answer(vendor: str, status: int) -> None:
    """Remember that the vendor has responded now, unless the HTTP status is a server error."""
    if status < SERVER_ERRORS:
        _answered_at[vendor] = time.monotonic()


def has_answered(vendor: str, *, since: float) -> bool:
    """Tell whether the vendor has responded to this process since the given monotonic time.

    Server errors do not count.
    """
    return _answered_at.get(vendor, -math.inf) >= since
