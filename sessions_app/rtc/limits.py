"""BytePlus RTC's rules for the ids of rooms, tasks and users."""

import re

from config.errors import TransportError

ID = re.compile(r"[a-zA-Z0-9_@\-.]{1,128}")


def check_id(field: str, value: str) -> None:
    """Raise a permanent TransportError unless BytePlus accepts the id."""
    if not ID.fullmatch(value):
        raise TransportError(f"BytePlus does not accept this {field}: {value!r}.", permanent=True)
