"""The product's settings, but with the peer's view as the only one."""

from config.settings import *  # noqa: F403

ROOT_URLCONF = "lab.bench.api.peer_urls"
