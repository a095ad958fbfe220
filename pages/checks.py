"""System checks of the address and the hash of pusher-js."""

import re
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, register

# The addresses that a Content-Security-Policy can contain: no spaces, quotes, commas or semicolons.
_ADDRESS = re.compile(r"(?:https?:/)?/[A-Za-z0-9._~:/%@+\[\]-]+\Z")
_INTEGRITY = re.compile(r"sha(?:256|384|512)-[A-Za-z0-9+/]+={0,2}\Z")


@register("pages")
def check_pusher_js(**_kwargs: Any) -> list[CheckMessage]:
    """E001: PUSHER_JS_URL or its hash is malformed. W001: pusher-js comes from another host, and has no hash."""
    url, integrity = settings.PUSHER_JS_URL, settings.PUSHER_JS_INTEGRITY
    messages: list[CheckMessage] = []
    if url and not _ADDRESS.match(url):
        hint = "E.g. https://js.pusher.com/8.6.0/pusher.min.js, or /static/pusher.min.js for a file of this server."
        messages.append(Error("PUSHER_JS_URL is not an address.", hint=hint, id="pages.E001"))
    if integrity and not _INTEGRITY.match(integrity):
        hint = "sha256-, sha384- or sha512-, and the hash of the file in base64."
        messages.append(Error("PUSHER_JS_INTEGRITY is not a hash.", hint=hint, id="pages.E001"))
    if url.startswith("http") and not integrity:
        hint = "Without it, that host can do in the pages whatever their users can. Set PUSHER_JS_INTEGRITY."
        messages.append(checks.Warning("The pages load PUSHER_JS_URL without its hash.", hint=hint, id="pages.W001"))
    return messages
