"""Judges the responses of a realtime vendor, and returns the error of a call after its last attempt."""

from collections.abc import Sequence
from http import HTTPStatus

from config.errors import TransportError
from config.vendor_calls import Answer, Failure
from notifications.backends.base import NotDelivered

_SUCCESS = frozenset({HTTPStatus.OK, HTTPStatus.ACCEPTED})
_PASSING = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})


def judge_answer(answer: Answer) -> Failure | None:
    """Return why a response means a failure, or None if it means success."""
    if answer.status in _SUCCESS:
        return None
    server_error = answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return Failure(
        f"HTTP {answer.status}",
        permanent=not server_error and answer.status not in _PASSING,
        ambiguous=server_error,
        limited=answer.status == HTTPStatus.TOO_MANY_REQUESTS,
        wait_seconds=_retry_after(answer.head),
    )


def error_after(failures: Sequence[Failure], call: str) -> TransportError:
    """Return the error of a call after its last attempt.

    The error quotes nothing from the response, because a response may contain a signature.
    """
    last = failures[-1]
    detail = f"{call}: {last.reason}."
    if last.permanent:
        return TransportError(detail, permanent=True)
    if any(failure.ambiguous for failure in failures):
        return TransportError(detail, permanent=False, limited=last.limited)
    return NotDelivered(detail, limited=last.limited)


def _retry_after(head: Sequence[bytes]) -> float:
    """Return the seconds in the `Retry-After` header, or 0 if there is no such header or it contains a date."""
    lines = (line.partition(b":") for line in head)
    told = [value.strip() for name, _colon, value in lines if name.lower() == b"retry-after"]
    return float(told[0]) if told and told[0].isdigit() else 0.0
