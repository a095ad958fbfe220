"""Durations are told in the reader's language."""

from datetime import timedelta

from django.utils import translation

from desk.moments import difference, duration


def test_units_are_in_the_readers_language() -> None:
    later, moment = timedelta(hours=1, minutes=5, seconds=30), timedelta(seconds=18.5)
    assert (difference(-later), difference(timedelta(0)), duration(moment)) == ("-1 h 5 min 30 s", "+0 s", "18.5 s")
    with translation.override("zh-hant"):
        told = (difference(later), difference(timedelta(0)), duration(moment))
    assert told == ("+1 小時 5 分鐘 30 秒", "+0 秒", "18.5 秒")
