"""Signatures according to the Standard Webhooks specification (version 1, symmetric), and the secrets for them.

A secret is not stored, but derived from SECRET_KEY and a random seed of the endpoint. While an earlier SECRET_KEY is
among the fallbacks, calls are also signed with the secret derived from that key.
"""

import hmac
import secrets
from base64 import b64encode
from collections.abc import Sequence
from datetime import datetime

from config.keys import key_for, keys_for
from webhooks.models import Endpoint

MARK = "whsec_"
PURPOSE = "secrets of webhook endpoints"
SECRET_BYTES = 32


def new_seed() -> str:
    """Return a random seed that nobody can guess."""
    return secrets.token_hex(16)


def secret_of(seed: str) -> str:
    """Return the secret as it is shown to its owner."""
    return f"{MARK}{b64encode(_derived(key_for(PURPOSE), seed)).decode()}"


def signed_headers(endpoint: Endpoint, event_id: str, body: bytes, *, now: datetime) -> list[str]:
    """Return the header lines of a call. There is a signature for each secret that is valid now."""
    seconds = int(now.timestamp())
    content = f"{event_id}.{seconds}.".encode() + body
    signatures = [
        _signature(_derived(key, seed), content) for seed in _seeds(endpoint, now) for key in keys_for(PURPOSE)
    ]
    return [
        "Content-Type: application/json",
        "User-Agent: showgoals-webhooks",
        "Expect:",
        f"webhook-id: {event_id}",
        f"webhook-timestamp: {seconds}",
        f"webhook-signature: {' '.join(signatures)}",
    ]


def _seeds(endpoint: Endpoint, now: datetime) -> Sequence[str]:
    if endpoint.former_seed and endpoint.former_until and endpoint.former_until > now:
        return [endpoint.seed, endpoint.former_seed]
    return [endpoint.seed]


def _derived(key: bytes, seed: str) -> bytes:
    return hmac.digest(key, seed.encode(), "sha256")[:SECRET_BYTES]


def _signature(secret: bytes, content: bytes) -> str:
    return f"v1,{b64encode(hmac.digest(secret, content, 'sha256')).decode()}"
