"""Decides which addresses an endpoint may have. The check that protects us is made with each call (`outgoing.py`)."""

import re
from urllib.parse import urlsplit

from django.conf import settings

URL = re.compile(r"(https?)://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?([/?][!\"$-~]*)?\Z")


def is_allowed(url: str) -> bool:
    """Tell whether the address is https, or has a host that the setting WEBHOOK_ALLOWED_HOSTS lists."""
    match = URL.match(url)
    return match is not None and (match[1] == "https" or is_exempt(url))


def is_exempt(url: str) -> bool:
    """Tell whether WEBHOOK_ALLOWED_HOSTS lists the host, or the host with its port."""
    parts = urlsplit(url)
    return parts.hostname in settings.WEBHOOK_ALLOWED_HOSTS or parts.netloc in settings.WEBHOOK_ALLOWED_HOSTS
