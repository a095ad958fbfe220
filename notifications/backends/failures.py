"""Judges failed tries of a call: whether it may be retried, after which pause, and with which error it ends. Pure."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

from config.errors import TransportError
from notifications.backends.base import NotDelivered

BACKOFF_SECONDS = 0.2  # before the second try, doubled before the third

_SUCCESS = frozenset({HTTPStatus.OK, HTTPStatus.ACCEPTED})
_PASSING = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a try failed: a status, or libcurl's name of an error. If it is ambiguous, the event may have gone out."""

    reason: str
    permanent: bool = False
    ambiguous: bool = True
    wait_seconds: float = 0.0


def judge_answer(status: int, head: Sequence[bytes]) -> Failure | None:
    """Return why an answer means a failure, or None if it means success. `head` holds its header lines."""
    if status in _SUCCESS:
        return None
    server_error = status >= HTTPStatus.INTERNAL_SERVER_ERROR
    permanent = not server_error and status not in _PASSING
    return Failure(f"HTTP {status}", permanent=permanent, ambiguous=server_error, wait_seconds=_retry_after(head))


def pause_seconds(failure: Failure, *, tries: int) -> float:
    """Return the pause that the server asks for, but at least the back-off. Half of the back-off is random."""
    ceiling = BACKOFF_SECONDS * 2 ** (tries - 1)
    return max(failure.wait_seconds, random.uniform(ceiling / 2, ceiling))  # noqa: S311 - jitter, not a secret


def error_after(failures: Sequence[Failure], call: str) -> TransportError:
    """Return the error of a call after its last try. It quotes nothing that came back, which may hold a signature."""
    detail = f"{call}: {failures[-1].reason}."
    if failures[-1].permanent:
        return TransportError(detail, permanent=True)
    ambiguous = any(failure.ambiguous for failure in failures)
    return TransportError(detail, permanent=False) if ambiguous else NotDelivered(detail)


def _retry_after(head: Sequence[bytes]) -> float:
    """Return the seconds that the header names, or 0 if there is no header or it names a date."""
    lines = (line.partition(b":") for line in head)
    told = [value.strip() for name, _colon, value in lines if name.lower() == b"retry-after"]
    return float(told[0]) if told and told[0].isdigit() else 0.0
