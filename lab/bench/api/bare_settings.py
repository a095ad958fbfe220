"""The product's settings with the peer's one view: the same middleware, authentication and database."""

from config.settings import *  # noqa: F403

ROOT_URLCONF = "lab.bench.api.bare_urls"
