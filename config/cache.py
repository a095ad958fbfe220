"""The cache. If it is unreachable, frozen or full, calls return misses instead of raising errors.

After a failure, requests skip the cache for a while instead of waiting for it one after another
(docs/adr/0051-only-a-cache.md).
"""

import json
import logging
import time
from collections.abc import Callable, Iterable
from functools import partial
from threading import Lock
from typing import Any, ClassVar, TypeVar

from django.core.cache import cache
from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache
from django.dispatch import Signal

logger = logging.getLogger(__name__)

LEFT_ALONE_SECONDS = 5.0
PROBE = "answers"

# Sent for each call that returns a miss because the cache has failed. The signal has no arguments. An exception in a
# receiver reaches the caller of the cache.
missed = Signal()

Result = TypeVar("Result")


class Circuit:
    """Remembers for all threads of the process that the cache has failed."""

    def __init__(self, left_alone_seconds: float = LEFT_ALONE_SECONDS) -> None:
        self._left_alone_seconds = left_alone_seconds
        self._lock = Lock()
        self._failed = False
        self._next_try = 0.0

    @property
    def has_failed(self) -> bool:
        """Tell whether the cache has failed and has not worked since."""
        return self._failed

    def may_try(self) -> bool:
        """Tell whether to call the cache.

        After a failure, only one thread may try the cache, once every `left_alone_seconds`.
        """
        if not self._failed:
            return True
        with self._lock:
            now = time.monotonic()
            if now < self._next_try:
                return False
            self._next_try = now + self._left_alone_seconds
            return True

    def failed(self, error: Exception) -> None:
        """Stop using the cache for a while."""
        with self._lock:
            self._next_try = time.monotonic() + self._left_alone_seconds
            is_new, self._failed = not self._failed, True
        if is_new:
            logger.warning("cache away error=%s", type(error).__name__)

    def worked(self) -> None:
        """Use the cache again."""
        with self._lock:
            was_failed, self._failed = self._failed, False
        if was_failed:
            logger.info("cache back")


circuit = Circuit()


class JsonText:
    """Serializes values as JSON."""

    def dumps(self, value: Any) -> bytes:
        """Return the value as JSON."""
        return json.dumps(value).encode()

    def loads(self, text: bytes) -> Any:
        """Return the value, or None if the text is not JSON."""
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return None


def answers() -> bool:
    """Tell whether the cache can store a value now."""
    cache.set(PROBE, 1, LEFT_ALONE_SECONDS)
    return not circuit.has_failed


class ForgivingCache(BaseCache):
    """A mixin for Django's cache backends. It turns the backend's `failures` into misses."""

    failures: ClassVar[tuple[type[Exception], ...]] = (OSError,)

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        """Return the value, or the default."""
        return self._unless_away(partial(super().get, key, default, version), otherwise=default)

    def get_many(self, keys: Iterable[Any], version: int | None = None) -> dict[Any, Any]:
        """Return the values that the cache has."""
        found: dict[Any, Any] = {}
        return self._unless_away(partial(super().get_many, keys, version), otherwise=found)

    def set(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        """Keep the value."""
        self._unless_away(partial(super().set, key, value, timeout, version), otherwise=None)

    def set_many(self, data: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> list[Any]:
        """Keep the values, and return the keys of those that were not kept."""
        kept = partial(super().set_many, data, timeout, version)
        return self._unless_away(kept, otherwise=list(data))

    def add(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Keep the value if the cache has none, and tell whether it was kept."""
        return self._unless_away(partial(super().add, key, value, timeout, version), otherwise=False)

    def touch(self, key: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Change the time at which the value expires, and tell whether the cache has the value."""
        return self._unless_away(partial(super().touch, key, timeout, version), otherwise=False)

    def delete(self, key: Any, version: int | None = None) -> bool:
        """Forget the value, and tell whether the cache had it."""
        return self._unless_away(partial(super().delete, key, version), otherwise=False)

    def _unless_away(self, call: Callable[[], Result], *, otherwise: Result) -> Result:
        if circuit.may_try():
            try:
                if circuit.has_failed:
                    # The try is a write, because a full or read-only cache still serves reads.
                    super().set(PROBE, 1, LEFT_ALONE_SECONDS)
                    circuit.worked()
                return call()
            except self.failures as error:
                circuit.failed(error)
        missed.send(type(self))
        return otherwise
