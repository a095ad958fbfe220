"""Rate limits: 429 `throttled` with `Retry-After`. The setting THROTTLE switches all of them on or off.

A caller with a valid token is counted by user, a caller with a valid key by key, and every other caller by address. So
the many viewers behind one address don't hinder each other, and a caller who guesses tokens is still stopped. Sign-ins
are counted in `attempts.py`.
"""

from typing import Any, cast

from django.conf import settings
from django.contrib.auth.models import User
from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from api import throttle_counts
from api.addresses import caller_network
from api.throttle_counts import Rate, parse_rate
from config import clock

tally = throttle_counts.Tally()


class CallerThrottle(BaseThrottle):
    """The throttle of every view. It counts a caller by user or key, or by address if the caller has neither."""

    def __init__(self) -> None:
        self._seconds = 0

    def allow_request(self, request: Request, view: Any) -> bool:
        """Count the request, and tell whether it may pass."""
        del view
        user = cast(User | None, request.user)  # UNAUTHENTICATED_USER is None
        self._seconds = _count_address(request) if user is None else _count_user(str(user.pk))
        return not self._seconds

    def wait(self) -> float:
        """Return the seconds to wait."""
        return self._seconds


def count_refused(request: Request) -> None:
    """Count a refused request by its address. If the limit is reached, raise Throttled in place of the refusal."""
    _raise_if(_count_address(request))


def count_identified(user_id: str) -> None:
    """Count a request whose user only the view knows. Raises Throttled."""
    _raise_if(_count_user(user_id))


def _count_user(user_id: str) -> int:
    return _tally("user", user_id)


def _count_address(request: Request) -> int:
    return _tally("address", caller_network(request))


def _tally(scope: str, who: str) -> int:
    """Count a request, and return 0 or the seconds to wait.

    The count is approximate, which is enough against a flood.
    """
    if not settings.THROTTLE:
        return 0
    key, rate = _key_and_rate(scope, who)
    return tally.spend(key, rate, now=clock.now())


def _key_and_rate(scope: str, who: str) -> tuple[str, Rate]:
    return f"{scope}:{who}", parse_rate(settings.THROTTLE_RATES[scope])


def _raise_if(seconds: int) -> None:
    if seconds:
        raise Throttled(wait=seconds)
