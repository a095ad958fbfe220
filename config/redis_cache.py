"""Django's Redis cache. It tolerates an unreachable, frozen, full or read-only Redis server."""

from typing import Any

from django.core.cache.backends.redis import RedisCache, RedisCacheClient
from redis.exceptions import RedisError

from config.cache import ForgivingCache, JsonText

# The time-out for connecting, and for each response. A healthy Redis responds in less than a millisecond.
PATIENCE_SECONDS = 0.15


class _Client(RedisCacheClient):
    def __init__(self, servers: Any, **options: Any) -> None:
        patience = {"socket_timeout": PATIENCE_SECONDS, "socket_connect_timeout": PATIENCE_SECONDS}
        super().__init__(servers, **{"serializer": JsonText, **patience, **options})


class JsonInRedis(ForgivingCache, RedisCache):
    """A Redis cache that tolerates an unreachable, frozen, full or read-only server."""

    failures = (OSError, RedisError)

    def __init__(self, server: Any, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = _Client
