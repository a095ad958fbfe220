"""System checks of what the realtime port needs."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register


@register("notifications")
def check_pusher(**_kwargs: Any) -> list[CheckMessage]:
    """E001: the backend is pusher, but a key is missing or malformed."""
    if settings.REALTIME_BACKEND != "pusher":
        return []
    missing = [f"PUSHER_{name.upper()}" for name in ("app_id", "key", "secret") if not settings.PUSHER[name]]
    if missing:
        return [_error(f"{', '.join(missing)} not set.")]
    if not settings.PUSHER["app_id"].isdecimal():
        return [_error("PUSHER_APP_ID must be a number.")]
    if not settings.PUSHER["cluster"] and not settings.PUSHER["host"]:
        return [_error("Neither PUSHER_CLUSTER nor PUSHER_HOST is set.")]
    return []


def _error(text: str) -> Error:
    hint = "Pusher's dashboard shows them under App Keys; or choose REALTIME_BACKEND=console."
    return Error(text, hint=hint, id="notifications.E001")


@register("notifications")
def check_chunks(**_kwargs: Any) -> list[CheckMessage]:
    """E002: a number is too small to send anything."""
    least = {"NOTIFY_CHUNK": 1, "NOTIFY_CONCURRENCY": 1, "PUSHER_QPS": 0}
    return [
        Error(f"{name} must be at least {number}.", id="notifications.E002")
        for name, number in least.items()
        if getattr(settings, name) < number
    ]
