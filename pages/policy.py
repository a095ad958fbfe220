"""The Content-Security-Policy of this app's pages: PAGES_POLICY, and what realtime events need."""

from django.conf import settings

from api.security import PAGES_POLICY
from notifications.backends import get_realtime
from notifications.backends.base import RealtimeUnconfigured


def policy() -> str:
    """Return the policy. Besides this server, it allows the script pusher-js and the host of its WebSockets."""
    scripts = [settings.PUSHER_JS_URL] if settings.PUSHER_JS_URL.startswith("http") else []
    sources = {"script-src": scripts, "connect-src": _sockets()}
    return "; ".join((PAGES_POLICY, *(" ".join((name, "'self'", *others)) for name, others in sources.items())))


def _sockets() -> list[str]:
    try:
        options = get_realtime().client_options()
    except RealtimeUnconfigured:
        return []
    return [f"{'wss' if options.tls else 'ws'}://{options.host}:{options.port}"]
