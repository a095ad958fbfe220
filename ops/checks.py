"""System checks of a deployment, for example of its database, its cache, its vendors and its host names."""

import os
import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, Tags, register
from redis import ConnectionPool

from config import environment as env
from config.checks import MOST_PORT, Number, check_numbers, is_host
from mongodb.uri import BadUri, Uri, read_uri
from ops.retention.selection import ARCHIVABLE, LEAST_DAYS, MOST_DAYS

NAME_OF_DATABASE = re.compile(r"[A-Za-z0-9_-]{1,63}\Z")
# The product needs these values. A URI with other values is refused, because its author expects that they are used.
NEEDED = {"w": "majority", "journal": "true", "readpreference": "primary"}
STAND_INS = ("console", "locmem")
LEAST_TOKEN = 16
# These variables belong to other programs, although their names begin like the names of our settings.
NOT_OURS = frozenset({"Q_CLUSTER_NAME"})
OUR_PREFIXES = ("Q_", "PUSHER_", "BYTEPLUS_", "THROTTLE_")
ALIKE = 0.85


@register("ops")
def check_mongodb(**_kwargs: Any) -> list[CheckMessage]:
    """E001: there is no database. E002: the driver refuses the URI. E003: the URI would weaken reads or writes.

    E004: MongoDB refuses the name. W001: the URI names another database. W002: the product would not survive a
    failover.
    """
    messages: list[CheckMessage] = []
    if not NAME_OF_DATABASE.match(settings.MONGODB_NAME):
        hint = "Letters, digits, _ and -, at most 63."
        messages.append(Error("MONGODB_NAME is not the name of a database.", hint=hint, id="ops.E004"))
    if settings.MONGODB_URI:
        return messages + _check_uri(settings.MONGODB_URI)
    if settings.IS_DEPLOYMENT:
        hint = "E.g. mongodb://db1,db2,db3/?replicaSet=rs0. The embedded server starts only with DEBUG=on."
        messages.append(Error("MONGODB_URI is not set.", hint=hint, id="ops.E001"))
    return messages


def _check_uri(text: str) -> list[CheckMessage]:
    try:
        uri = read_uri(text)
    except BadUri as error:
        hint = "E.g. mongodb://user:password@db1,db2/?replicaSet=rs0&authSource=admin."
        return [Error(f"MONGODB_URI is malformed: {error}.", hint=hint, id="ops.E002")]
    messages: list[CheckMessage] = [
        Error(
            f"MONGODB_URI sets {name} to another value than the product needs.",
            hint=f"Remove the option: the product uses {name}={right}.",
            id="ops.E003",
        )
        for name, right in NEEDED.items()
        if str(uri.options.get(name, right)).lower() != right
    ]
    return messages + _warn_of(uri)


def _warn_of(uri: Uri) -> list[CheckMessage]:
    messages: list[CheckMessage] = []
    if uri.database not in ("", "admin", settings.MONGODB_NAME):
        text = "MONGODB_URI and MONGODB_NAME name different databases. The product uses MONGODB_NAME."
        hint = "MongoDB uses the database in the URI only to authenticate the user. Name it in authSource instead."
        messages.append(checks.Warning(text, hint=hint, id="ops.W001"))
    if uri.options.get("directconnection"):
        text = "MONGODB_URI has directConnection=true: if another member becomes primary, nothing works."
        messages.append(checks.Warning(text, hint="Use replicaSet=NAME instead.", id="ops.W002"))
    return messages


@register("ops")
def check_cache(**_kwargs: Any) -> list[CheckMessage]:
    """E005: the cache can't be used."""
    if not settings.CACHE_URL or _is_redis(settings.CACHE_URL):
        return []
    hint = "redis://[:password@]host:port/number, or rediss:// or unix://. Percent-encode a comma or semicolon."
    return [Error("CACHE_URL is not the URL of one Redis.", hint=hint, id="ops.E005")]


def _is_redis(url: str) -> bool:
    try:
        parts, pool = urlsplit(url), ConnectionPool.from_url(url)
        pool.make_connection()  # does not connect, but raises if an option is unknown
    except (ValueError, TypeError, AttributeError):
        return False
    is_place = bool(parts.path) if parts.scheme == "unix" else bool(parts.hostname)
    is_number = parts.scheme == "unix" or re.fullmatch(r"/?[0-9]{0,4}", parts.path) is not None
    return is_place and is_number and parts.port != 0 and not set(url) & set(",;<>")


@register("ops")
def check_backends(**_kwargs: Any) -> list[CheckMessage]:
    """E006: a backend is a stand-in, so nothing reaches the vendor, although everything looks fine."""
    if not settings.IS_DEPLOYMENT or settings.ALLOW_CONSOLE_BACKENDS:
        return []
    hint = "Choose a real backend. To try the product without vendors, set ALLOW_CONSOLE_BACKENDS=on."
    return [
        Error(f"{name} is {getattr(settings, name)}: nothing leaves this process.", hint=hint, id="ops.E006")
        for name in ("REALTIME_BACKEND", "RTC_BACKEND", "ANALYTICS_BACKEND")
        if getattr(settings, name) in STAND_INS
    ]


@register("ops")
def check_hosts(**_kwargs: Any) -> list[CheckMessage]:
    """E007: requests would be refused, either all of them or those to one host. W003: any `Host` is accepted."""
    hosts = settings.ALLOWED_HOSTS
    hint = "Names without scheme, port and path, separated by commas: api.example.com, or .example.com for all below."
    if settings.IS_DEPLOYMENT and not hosts:
        return [Error("ALLOWED_HOSTS is not set.", hint=hint, id="ops.E007")]
    messages: list[CheckMessage] = [
        Error(f"ALLOWED_HOSTS: {host!r} is not the name of a host.", hint=hint, id="ops.E007")
        for host in hosts
        if host != "*" and not is_host(host.removeprefix("."))
    ]
    if settings.IS_DEPLOYMENT and "*" in hosts:
        messages.append(checks.Warning("ALLOWED_HOSTS allows any name.", hint=hint, id="ops.W003"))
    return messages


@register("ops")
def check_server(**_kwargs: Any) -> list[CheckMessage]:
    """E008: no server can listen on the port. W004: METRICS_TOKEN can be guessed."""
    messages = check_numbers(
        {"PORT": Number(settings.PORT, 1, MOST_PORT)}, hint="The default is 8000.", number="ops.E008"
    )
    if settings.IS_DEPLOYMENT and 0 < len(settings.METRICS_TOKEN) < LEAST_TOKEN:
        hint = 'Generate a token: python3 -c "import secrets; print(secrets.token_hex(32))".'
        text = f"METRICS_TOKEN has fewer than {LEAST_TOKEN} characters."
        messages.append(checks.Warning(text, hint=hint, id="ops.W004"))
    return messages


@register(Tags.security, deploy=True)
def check_shared_cache(**_kwargs: Any) -> list[CheckMessage]:
    """W005: the hosts of a deployment don't share what they cache."""
    if settings.CACHE_URL:
        return []
    text = "CACHE_URL is not set: only the processes of this host share their cache."
    return [checks.Warning(text, hint="Set it to a Redis if there are several hosts.", id="ops.W005")]


@register("ops")
def check_retention(**_kwargs: Any) -> list[CheckMessage]:
    """E009: RETENTION_DAYS names a collection that can't be archived, or an impossible number of days."""
    hint = f"{{collection: days}}, with whole days from {LEAST_DAYS} to {MOST_DAYS} for {' or '.join(ARCHIVABLE)}."
    return [
        Error(f"RETENTION_DAYS can't have {days!r} days for {name}.", hint=hint, id="ops.E009")
        for name, days in settings.RETENTION_DAYS.items()
        if name not in ARCHIVABLE or type(days) is not int or not LEAST_DAYS <= days <= MOST_DAYS
    ]


@register("ops")
def check_names(**_kwargs: Any) -> list[CheckMessage]:
    """W006: a variable looks like a misspelt setting, which then keeps its default."""
    known = {name for setting in env.READ for name in (setting, f"{setting}_FILE")} | NOT_OURS
    return [_unknown(name, known) for name in sorted(set(os.environ) - known) if _looks_like_ours(name, known)]


def _looks_like_ours(name: str, known: Iterable[str]) -> bool:
    return name.startswith(OUR_PREFIXES) or bool(get_close_matches(name, known, n=1, cutoff=ALIKE))


def _unknown(name: str, known: Iterable[str]) -> CheckMessage:
    nearest = get_close_matches(name, known, n=1, cutoff=0.6)
    hint = f"Is it {nearest[0]}?" if nearest else ".env.example lists all settings."
    return checks.Warning(f"{name} is not a setting.", hint=hint, id="ops.W006")
