"""System checks of the settings that the realtime port needs."""

import re
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from config.checks import MOST_PORT, Number, check_numbers, is_host

CLUSTER = re.compile(r"[a-z0-9][a-z0-9-]*\Z")
KEY_OF_PUSHER = re.compile(r"[0-9a-f]{20}\Z")
MOST_CALLS_PER_SECOND = 100_000


@register("notifications")
def check_pusher(**_kwargs: Any) -> list[CheckMessage]:
    """E001: the backend is pusher, but a setting that it needs is missing or malformed."""
    if settings.REALTIME_BACKEND != "pusher":
        return []
    missing = [f"PUSHER_{name.upper()}" for name in ("app_id", "key", "secret") if not settings.PUSHER[name]]
    if missing:
        return [_error(f"{', '.join(missing)} not set.")]
    app_id = settings.PUSHER["app_id"]
    if not (app_id.isascii() and app_id.isdecimal()):
        return [_error("PUSHER_APP_ID must be a number.")]
    if settings.PUSHER["host"]:  # a self-hosted server has keys of any length
        return []
    if not settings.PUSHER["cluster"]:
        return [_error("Neither PUSHER_CLUSTER nor PUSHER_HOST is set.")]
    keys = [f"PUSHER_{name.upper()}" for name in ("key", "secret") if not KEY_OF_PUSHER.match(settings.PUSHER[name])]
    return [_error(f"{' and '.join(keys)} must have 20 characters of 0-9 and a-f.")] if keys else []


def _error(text: str) -> Error:
    hint = "Pusher's dashboard shows them under App Keys."
    return Error(text, hint=hint, id="notifications.E001")


@register("notifications")
def check_chunks(**_kwargs: Any) -> list[CheckMessage]:
    """E002: a number is so small that nothing could be sent, or so large that it can't be intended."""
    numbers = {
        "NOTIFY_CHUNK": Number(settings.NOTIFY_CHUNK, 1, 10_000, " viewers"),
        "NOTIFY_CONCURRENCY": Number(settings.NOTIFY_CONCURRENCY, 1, 500, " requests"),
        "PUSHER_QPS": Number(settings.PUSHER_QPS, 0, MOST_CALLS_PER_SECOND, " calls a second"),
    }
    hint = "The defaults are 1000, 16 and 0. PUSHER_QPS=0 means no limit."
    return check_numbers(numbers, hint=hint, number="notifications.E002")


@register("notifications")
def check_address(**_kwargs: Any) -> list[CheckMessage]:
    """E003: the host, the cluster or the port is malformed."""
    messages: list[CheckMessage] = []
    host, cluster = settings.PUSHER["host"], settings.PUSHER["cluster"]
    if host and not is_host(host):
        hint = "Only the name, e.g. ws.example.com. PUSHER_SSL chooses the scheme, PUSHER_PORT the port."
        messages.append(Error("PUSHER_HOST is not the name of a host.", hint=hint, id="notifications.E003"))
    if cluster and not CLUSTER.match(cluster):
        hint = "Its short name, as the dashboard shows it, e.g. ap1."
        messages.append(Error("PUSHER_CLUSTER is not the name of a cluster.", hint=hint, id="notifications.E003"))
    port = {"PUSHER_PORT": Number(settings.PUSHER["port"], 0, MOST_PORT)}
    return messages + check_numbers(port, hint="The default is 443, or 80 without TLS.", number="notifications.E003")
