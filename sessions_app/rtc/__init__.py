"""The port to the RTC vendor. The setting RTC chooses its backend."""

from typing import cast

from config.ports import load_port
from sessions_app.rtc.base import RTC


def get_rtc() -> RTC:
    """Return the backend that the setting RTC chooses."""
    return cast("RTC", load_port("RTC"))
