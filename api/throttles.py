"""How often one may ask: 429 `throttled`, and `Retry-After`. The setting THROTTLE switches all of it.

Whoever proves who he is is counted by user; all else is counted by address. So the many viewers behind one
address don't get into each other's way, and who tries tokens or passwords is stopped all the same.
"""

import hmac
from typing import Any, cast

from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone
from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from api import throttle_counts
from api.addresses import AnyRequest, caller_network
from api.throttle_counts import Rate, parse_rate

tally = throttle_counts.Tally()


class CallerThrottle(BaseThrottle):
    """Every view's: a signed-in caller by user, anyone else by address."""

    def __init__(self) -> None:
        self._seconds = 0

    def allow_request(self, request: Request, view: Any) -> bool:
        """Count the request."""
        del view
        user = cast(User | None, request.user)  # UNAUTHENTICATED_USER is None
        self._seconds = _count_address(request) if user is None else _count_user(str(user.pk))
        return not self._seconds

    def wait(self) -> float:
        """Return the seconds to wait."""
        return self._seconds


class LoginThrottle(CallerThrottle):
    """Sign-ins by address, whether they succeed or not: checking a password costs a third of a second."""

    def allow_request(self, request: Request, view: Any) -> bool:
        """Count the attempt."""
        del view
        self._seconds = _spend("login_address", caller_network(request))
        return not self._seconds


def count_refused(request: Request) -> None:
    """Count a request that proved nothing by its address. Raises Throttled, instead of whatever it was refused with."""
    _raise_if(_count_address(request))


def count_identified(user_id: str) -> None:
    """Count a request of which the view alone knows whose it is. Raises Throttled."""
    _raise_if(_count_user(user_id))


def count_sign_in(request: AnyRequest) -> None:
    """Count an attempt to sign in by its address. Raises Throttled."""
    _raise_if(_spend("login_address", caller_network(request)))


def count_guess(username: str) -> None:
    """Count an attempt at this name's password, before it is checked. Raises Throttled.

    Names that nobody has are counted the same way, so a refusal doesn't tell whether there is such a user.
    """
    _raise_if(_spend("login_name", _hidden(username)))


def forgive_guess(username: str) -> None:
    """Uncount the attempt: the password was right."""
    if settings.THROTTLE:
        key, rate = _key_and_rate("login_name", _hidden(username))
        throttle_counts.give_back(key, rate, now=timezone.now())


def _count_user(user_id: str) -> int:
    return _tally("user", user_id)


def _count_address(request: Request) -> int:
    return _tally("address", caller_network(request))


def _tally(scope: str, who: str) -> int:
    """Count roughly: for what only has to keep a flood away."""
    if not settings.THROTTLE:
        return 0
    key, rate = _key_and_rate(scope, who)
    return tally.spend(key, rate, now=timezone.now())


def _spend(scope: str, who: str) -> int:
    """Count exactly: for what is dear, or secret."""
    if not settings.THROTTLE:
        return 0
    key, rate = _key_and_rate(scope, who)
    return throttle_counts.spend(key, rate, now=timezone.now())


def _key_and_rate(scope: str, who: str) -> tuple[str, Rate]:
    return f"{scope}:{who}", parse_rate(settings.THROTTLE_RATES[scope])


def _hidden(username: str) -> str:
    """Hash the name: people type their passwords into the wrong field."""
    return hmac.digest(settings.SECRET_KEY.encode(), username.encode(), "sha256").hex()[:32]


def _raise_if(seconds: int) -> None:
    if seconds:
        raise Throttled(wait=seconds)
