"""Formats times for people. Times are in UTC; the script of the page adds the time in the reader's time zone."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _

SECONDS_A_MINUTE = 60
SECONDS_AN_HOUR = 3600
SECONDS, MINUTES, HOURS = _("{n} s"), _("{n} min"), _("{n} h")


def at(moment: datetime | None) -> SafeString:
    """Return the moment as an HTML element that the script can read, or `-` for None."""
    if moment is None:
        return mark_safe("-")
    in_utc = moment.astimezone(UTC)
    machine, text = f"{in_utc:%Y-%m-%dT%H:%M:%SZ}", f"{in_utc:%Y-%m-%d %H:%M:%S}"
    return format_html('<time datetime="{}">{} UTC</time>', machine, text)


def duration(time: timedelta) -> str:
    """Return a time of less than a minute as `18.5 s`, and a longer time as `2:05` or `1:02:05`."""
    seconds = max(0.0, time.total_seconds())
    if seconds < SECONDS_A_MINUTE:
        return str(SECONDS).format(n=f"{seconds:.1f}")
    hours, rest = divmod(int(seconds), SECONDS_AN_HOUR)
    minutes, left = divmod(rest, SECONDS_A_MINUTE)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


def difference(time: timedelta) -> str:
    """Return how much later or earlier something is: `+20 min`, `-1 h 5 min`, or `+30 s`."""
    sign, seconds = "-" if time < timedelta(0) else "+", abs(round(time.total_seconds()))
    minutes, left = divmod(seconds, SECONDS_A_MINUTE)
    parts = ((HOURS, minutes // 60), (MINUTES, minutes % 60), (SECONDS, left))
    return sign + (" ".join(str(unit).format(n=n) for unit, n in parts if n) or str(SECONDS).format(n=0))


def words(text: Any, **values: object) -> SafeString:
    """Return a translated sentence with the values in it. Values are escaped unless they are already HTML."""
    return format_html(str(text), **values) if values else format_html("{}", text)
