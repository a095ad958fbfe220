"""Attempts to sign in. Each counts as a failure until it succeeds, so simultaneous guesses cannot exceed a limit.

If many clients try the same name at the same time, those over the limit are told to try again in a moment. By then,
most of the other attempts are decided.

Failures are counted for the address and for the user name. A caller who is over either limit may still try from a
*known place*: an address from which the user has signed in lately. A known place has its own allowance, so the wrong
passwords of strangers do not lock a user out (docs/adr/0046-sign-ins.md).
"""

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NoReturn

from django.conf import settings
from pymongo.write_concern import WriteConcern
from rest_framework.exceptions import Throttled

from api import throttle_counts
from api.addresses import AnyRequest, caller_network
from api.models import KnownPlace
from api.throttle_counts import Rate, parse_rate
from config import clock
from config.keys import key_for
from mongodb.collections import connection

PLACE_KEPT = timedelta(days=30)
_PLACES = KnownPlace._meta.db_table
_PURPOSE = "names in the counts of sign-ins"


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt that has been counted under the keys in `counted`. `place` is a hash of the address and the name."""

    at: datetime
    place: str = ""
    counted: tuple[tuple[str, Rate], ...] = ()

    def fail(self) -> None:
        """Count the attempt as a failure for good."""
        for key, rate in self.counted:
            throttle_counts.keep(key, rate, now=self.at)

    def take_back(self) -> None:
        """Do not count the attempt as a failure."""
        for key, rate in self.counted:
            throttle_counts.give_back(key, rate, now=self.at)

    def succeed(self) -> None:
        """Do not count the attempt as a failure, and remember the place."""
        self.take_back()
        if self.place:
            _places().update_one({"_id": self.place}, {"$set": {"expires_at": self.at + PLACE_KEPT}}, upsert=True)


def begin_attempt(request: AnyRequest | None, username: str) -> Attempt:
    """Count an attempt and return it. Raises Throttled if a limit is reached, whether or not the name exists.

    Nothing is counted if there is no request, as in a shell, or if THROTTLE is off.
    """
    now = clock.now()
    if request is None or not settings.THROTTLE:
        return Attempt(now)
    network = caller_network(request)
    place = _hidden(f"{network} {username}")
    address = _key_and_rate("login_address", network)
    name = _key_and_rate("login_name", _hidden(username))
    if seconds := throttle_counts.spend(*address, now=now):
        counted: tuple[tuple[str, Rate], ...] = ()
    elif seconds := throttle_counts.spend(*name, now=now):
        counted = (address,)
    else:
        return Attempt(now, place, (address, name))
    own = f"login_place:{place}", name[1]
    if not _is_known(place, now) or (seconds := throttle_counts.spend(*own, now=now)):
        _refuse(Attempt(now, counted=counted), seconds)
    return Attempt(now, place, (*counted, own))


def _refuse(attempt: Attempt, seconds: int) -> NoReturn:
    """Raise Throttled. Count the attempt as a failure, unless the caller only has to wait for undecided attempts."""
    if seconds in throttle_counts.MOMENT_SECONDS:
        attempt.take_back()
    else:
        attempt.fail()
    raise Throttled(wait=seconds)


def _is_known(place: str, now: datetime) -> bool:
    return _places().find_one({"_id": place, "expires_at": {"$gt": now}}) is not None


def _places() -> Any:
    # One MongoDB server's acknowledgement is enough: if an election loses a place, the next sign-in stores it again.
    return connection.get_collection(_PLACES, write_concern=WriteConcern(1))


def _key_and_rate(scope: str, who: str) -> tuple[str, Rate]:
    return f"{scope}:{who}", parse_rate(settings.THROTTLE_RATES[scope])


def _hidden(text: str) -> str:
    """Return a keyed hash of the text: people type passwords into the wrong field, and addresses are private."""
    return hmac.digest(key_for(_PURPOSE), text.encode(), "sha256").hex()[:32]
