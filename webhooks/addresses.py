"""Decides which addresses an endpoint may have. The check that protects us is made with each call (`outgoing.py`)."""

import re
from urllib.parse import urlsplit

from django.conf import settings

_LABEL = "[A-Za-z0-9-]+"
URL = re.compile(
    rf"(https?)://({_LABEL}(?:\.{_LABEL})*\.?|\[[0-9A-Fa-f:.]+\])(?::([0-9]{{1,5}}))?([/?][!\"$-~]*)?\Z", re.IGNORECASE
)
MOST_PORT = 2**16 - 1


def is_allowed(url: str) -> bool:
    """Tell whether the address is well-formed, and is https or has a host that WEBHOOK_ALLOWED_HOSTS lists."""
    match = URL.match(url)
    if match is None or not 0 < int(match[3] or 1) <= MOST_PORT:
        return False
    return match[1].lower() == "https" or is_exempt(url)


def is_exempt(url: str) -> bool:
    """Tell whether WEBHOOK_ALLOWED_HOSTS lists the host, or the host with its port."""
    parts = urlsplit(url)
    return parts.hostname in settings.WEBHOOK_ALLOWED_HOSTS or parts.netloc in settings.WEBHOOK_ALLOWED_HOSTS
