"""System checks of the setting WEBHOOK_ALLOWED_HOSTS."""

from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, register

from config.checks import is_host_with_port

HINT = "Host names or IPv4 addresses, perhaps with a port, separated by commas: hooks.example.com, 127.0.0.1:9000."


@register("webhooks")
def check_allowed_hosts(**_kwargs: Any) -> list[CheckMessage]:
    """E001: an entry is not a valid host, so it matches nothing.

    W001: the setting, which is for development, is used without DEBUG.
    """
    wrong = [entry for entry in settings.WEBHOOK_ALLOWED_HOSTS if not is_host_with_port(entry)]
    if wrong:
        text = f"WEBHOOK_ALLOWED_HOSTS has entries that are not hosts: {', '.join(wrong)}."
        return [Error(text, hint=HINT, id="webhooks.E001")]
    if settings.WEBHOOK_ALLOWED_HOSTS and not settings.DEBUG:
        text = "Webhooks may call the hosts in WEBHOOK_ALLOWED_HOSTS without TLS and at private addresses."
        return [checks.Warning(text, hint="The setting is for development. Unset it.", id="webhooks.W001")]
    return []
