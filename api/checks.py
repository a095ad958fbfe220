"""System checks of the settings that protect the API: rates, proxies, origins and HSTS."""

from typing import Any
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, Tags, register

from api.throttle_counts import UNIT_SECONDS, parse_rate
from config.checks import Number, check_numbers

MOST_PROXIES = 10
MOST_HSTS_SECONDS = 10 * 365 * 24 * 3600
DEFAULT_PORTS = {"http": 80, "https": 443}


@register("api")
def check_rates(**_kwargs: Any) -> list[CheckMessage]:
    """E001: a throttle rate is malformed, so every request would fail."""
    hint = f"A number, a slash, and one of {', '.join(UNIT_SECONDS)}: e.g. 600/min. THROTTLE=off switches all off."
    return [
        Error(f"THROTTLE_{scope.upper()} is not a rate: {text!r}.", hint=hint, id="api.E001")
        for scope, text in settings.THROTTLE_RATES.items()
        if not _is_rate(text)
    ]


@register("api")
def check_proxies(**_kwargs: Any) -> list[CheckMessage]:
    """E002: PROXIES is negative or too large. E003: X-Forwarded-Proto is trusted, but no proxy sets it."""
    proxies = {"PROXIES": Number(settings.PROXIES, 0, MOST_PROXIES)}
    hint = "0 without a proxy, 1 behind a load balancer, 2 behind a CDN and a load balancer."
    if messages := check_numbers(proxies, hint=hint, number="api.E002"):
        return messages
    if settings.PROXY_SSL_HEADER and not settings.PROXIES:
        hint = "Set PROXIES to their number, or PROXY_SSL_HEADER=off: without a proxy callers set the header."
        return [Error("PROXY_SSL_HEADER is on, but PROXIES is 0.", hint=hint, id="api.E003")]
    return []


@register("api")
def check_origins(**_kwargs: Any) -> list[CheckMessage]:
    """E004: an entry of CORS_ALLOWED_ORIGINS is not an `Origin` that browsers send, so it would never match."""
    hint = "As browsers send it: scheme, host in small letters, the port only if it isn't the scheme's. No *, no path."
    return [
        Error(f"CORS_ALLOWED_ORIGINS: {origin!r} is not an origin.", hint=hint, id="api.E004")
        for origin in settings.CORS_ALLOWED_ORIGINS
        if not _is_origin(origin)
    ]


@register("api")
def check_hsts(**_kwargs: Any) -> list[CheckMessage]:
    """E005: HSTS_SECONDS is negative or too large.

    Browsers ignore a negative age, and an age that is too long can't be taken back.
    """
    age = {"HSTS_SECONDS": Number(settings.SECURE_HSTS_SECONDS, 0, MOST_HSTS_SECONDS, " seconds")}
    return check_numbers(age, hint="0 sends no header; a year is 31536000.", number="api.E005")


@register(Tags.security, deploy=True)
def check_deployment(**_kwargs: Any) -> list[CheckMessage]:
    """W001: rate limits are off, so nothing stops floods or guessed passwords.

    W002: pages of an allowed origin use plain HTTP, so tokens would be sent in the clear.
    """
    messages: list[CheckMessage] = []
    if not settings.THROTTLE:
        hint = "Remove THROTTLE=off from the environment. The settings THROTTLE_* change single rates."
        messages.append(checks.Warning("THROTTLE is off.", hint=hint, id="api.W001"))
    if plain := [origin for origin in settings.CORS_ALLOWED_ORIGINS if origin.startswith("http:")]:
        text = f"CORS_ALLOWED_ORIGINS allows pages that were loaded over plain HTTP: {', '.join(plain)}."
        messages.append(checks.Warning(text, hint="Serve them over https.", id="api.W002"))
    return messages


def _is_rate(text: str) -> bool:
    try:
        parse_rate(text)
    except ValueError:
        return False
    return True


def _is_origin(text: str) -> bool:
    try:
        return text == _as_sent(urlsplit(text))
    except ValueError:
        return False


def _as_sent(url: SplitResult) -> str | None:
    """Return the origin of the address as browsers write it. Raises ValueError if its port is invalid."""
    if url.scheme not in DEFAULT_PORTS or not url.hostname or "*" in url.hostname:
        return None
    host = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
    port = "" if url.port in (None, DEFAULT_PORTS[url.scheme]) else f":{url.port}"
    return f"{url.scheme}://{host.encode('ascii').decode()}{port}"
