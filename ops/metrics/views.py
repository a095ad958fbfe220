"""`GET /metrics`, which is open on loopback if no proxy is configured, and otherwise needs METRICS_TOKEN."""

import hmac
import logging
import os
import struct
from ipaddress import ip_address
from pathlib import Path

from django.conf import settings
from django.http import HttpResponse
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.multiprocess import MultiProcessCollector
from rest_framework.exceptions import NotAuthenticated
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request

from api.access import OPS
from config.errors import raises
from ops.health import NO_STORE, ProbeView
from ops.metrics.backends import BackendsCollector
from ops.metrics.dead_workers import counted_once, merge_dead
from ops.metrics.directory import VARIABLE
from ops.metrics.requests import PROCESS
from ops.metrics.stored import StoredCollector

logger = logging.getLogger(__name__)

# A request with one of these headers came through a proxy, which may run on this machine.
FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP", "Via")


class PlainText(JSONRenderer):
    """Matches `Accept` against the media type of the response. Error responses are JSON."""

    media_type = "text/plain"


class MetricsView(ProbeView):
    """`GET /metrics`: Prometheus' text format."""

    access = {"get": (OPS,)}
    renderer_classes = (PlainText,)

    @raises(NotAuthenticated)
    def get(self, request: Request) -> HttpResponse:
        """What Prometheus scrapes.

        A request on loopback needs no token if the server is configured without proxies. All other requests need
        `METRICS_TOKEN` as the bearer token.
        """
        if not (_is_local(request) or _has_token(request)):
            raise NotAuthenticated
        text = _counted() + generate_latest(BackendsCollector()) + generate_latest(StoredCollector())
        return HttpResponse(text, content_type=CONTENT_TYPE_PLAIN_0_0_4, headers=NO_STORE)


def _counted() -> bytes:
    """Return the counts of all processes of this server, or nothing if one of their files is incomplete or missing.

    If the processes have no directory for their counts, return only the counts of this process.
    """
    if VARIABLE not in os.environ:
        return generate_latest(PROCESS)
    directory = Path(os.environ[VARIABLE])
    try:
        merge_dead(directory)
        with counted_once(directory):
            return generate_latest(MultiProcessCollector(None))  # type: ignore[no-untyped-call]
    except (OSError, ValueError, RuntimeError, struct.error) as error:
        logger.warning("no counters error=%s", type(error).__name__)
        return b""


def _is_local(request: Request) -> bool:
    """Tell whether the request came from this machine, and not through a proxy that runs on it."""
    if settings.PROXIES or any(header in request.headers for header in FORWARDED):
        return False
    try:
        address = ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:  # a Unix socket has no address
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def _has_token(request: Request) -> bool:
    scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
    wanted = settings.METRICS_TOKEN
    return bool(wanted) and scheme.lower() == "bearer" and hmac.compare_digest(token.encode(), wanted.encode())
