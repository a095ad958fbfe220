"""The product's settings, with the peer's view as the only view. Simple JWT gets the key of the access tokens."""

from api.tokens import Kind
from config.keys import derived
from config.settings import *  # noqa: F403
from config.settings import SECRET_KEY

ROOT_URLCONF = "lab.bench.api.peer_urls"
SIMPLE_JWT = {"ALGORITHM": "HS256", "SIGNING_KEY": derived(SECRET_KEY, Kind.ACCESS.purpose), "AUDIENCE": "api"}
# The product requires each view to say who may call it. The bare view does not.
SILENCED_SYSTEM_CHECKS = ["api.E006"]
