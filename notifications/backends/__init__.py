"""The port to a realtime vendor. The setting REALTIME chooses its backend."""

from typing import cast

from config.ports import load_port
from notifications.backends.base import Realtime


def get_realtime() -> Realtime:
    """Return the backend that the setting REALTIME chooses."""
    return cast("Realtime", load_port("REALTIME"))
