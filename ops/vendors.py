"""The calls that `manage.py doctor` makes to the vendors, in the same way as the product. The calls change nothing."""

from collections.abc import Iterator

from django.conf import settings

from config.errors import TransportError
from notifications.backends import get_realtime
from notifications.backends.base import Broadcast
from ops.checks import STAND_INS
from ops.findings import Finding, State
from sessions_app.rtc import get_rtc
from sessions_app.rtc.base import GetRecordTask

# Nobody subscribes to this channel, and no room has this name.
NOBODY = "doctor"


def examine_realtime() -> Iterator[Finding]:
    """Send an event to a channel without subscribers. If that fails, nobody is told of shows."""
    if settings.REALTIME_BACKEND in STAND_INS:
        return
    (result,) = get_realtime().send([Broadcast((NOBODY,), NOBODY, "{}")])
    if result.error is None:
        yield Finding("pusher", State.FINE, "it accepts events")
    else:
        keys = "PUSHER_APP_ID, PUSHER_KEY, PUSHER_SECRET and PUSHER_CLUSTER"
        yield Finding("pusher", State.FAILED, _advice(result.error, keys, place="PUSHER_HOST"))


def examine_rtc() -> Iterator[Finding]:
    """Ask for a recording that does not exist. If that fails, shows start, but are not recorded."""
    if settings.RTC_BACKEND in STAND_INS:
        return
    (result,) = get_rtc().send([GetRecordTask(room_id=NOBODY, task_id=NOBODY)])
    if result.error is None:
        yield Finding("byteplus", State.FINE, "it accepts calls")
    else:
        keys = "BYTEPLUS_APP_ID, BYTEPLUS_ACCESS_KEY, BYTEPLUS_SECRET_KEY and BYTEPLUS_REGION"
        advice = _advice(result.error, keys, place="BYTEPLUS_HOST")
        yield Finding("byteplus", State.WARNING, f"{advice}. Until then no show is recorded")


def _advice(error: TransportError, keys: str, *, place: str) -> str:
    problem = str(error.detail).rstrip(".")
    if error.limited:
        return f"{problem}: it accepts no more calls at the moment"
    if error.permanent:
        return f"{problem}: check {keys}, and this host's clock"
    return f"{problem}: check {place}, and whether this host may connect to it"
