"""Keys derived from SECRET_KEY, one for each purpose, so a signature for one purpose is not valid for another.

`SECRET_KEY_FALLBACKS` lists earlier values of SECRET_KEY. Signatures made with them stay valid.
"""

from functools import cache

from django.conf import settings
from django.utils.crypto import salted_hmac


def key_for(purpose: str) -> bytes:
    """Return the key that signs for this purpose."""
    return derived(settings.SECRET_KEY, purpose)


def keys_for(purpose: str) -> list[bytes]:
    """Return the keys whose signatures are valid for this purpose. The key that signs comes first."""
    return [derived(secret, purpose) for secret in secrets()]


def secrets() -> list[str]:
    """Return SECRET_KEY and its fallbacks."""
    return [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]


@cache
def derived(secret: str, purpose: str) -> bytes:
    """Return the key of one purpose for this value of SECRET_KEY."""
    return salted_hmac("showgoals.keys", purpose, secret=secret, algorithm="sha512").digest()
