"""Django's file-based cache, which all processes of this machine share. It tolerates a full or missing disk."""

import time
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.filebased import FileBasedCache

from config.cache import ForgivingCache, JsonText


class _Files(FileBasedCache):
    """Writes a file of two lines for each value.

    The first line is the time at which the value expires, or null. The second line is the value. Both are JSON.
    """

    cache_suffix = ".json"

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        path = self._key_to_file(key, version)  # type: ignore[attr-defined]  # the stubs know only the public methods
        with suppress(FileNotFoundError), Path(path).open("rb") as file:
            if not self._is_expired(file):
                return JsonText().loads(file.read())
        return default

    def touch(self, key: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        value = self.get(key, self, version)
        if value is self:
            return False
        self.set(key, value, timeout, version)
        return True

    def _write_content(self, file: IO[bytes], timeout: Any, value: Any) -> None:
        expires_at = self.get_backend_timeout(timeout)
        file.write(JsonText().dumps(expires_at) + b"\n" + JsonText().dumps(value))

    def _is_expired(self, file: IO[bytes]) -> bool:
        """Tell whether the value has expired, or the file is empty because a disk was full. If so, remove the file."""
        expires_at = JsonText().loads(file.readline() or b"0")
        if expires_at is None or (isinstance(expires_at, float) and expires_at >= time.time()):
            return False
        self._delete(file.name)  # type: ignore[attr-defined]
        return True


class JsonInFiles(ForgivingCache, _Files):
    """A file-based cache that all processes of this machine share. It tolerates a full or missing disk."""

    def __init__(self, directory: Any, params: dict[str, Any]) -> None:
        with suppress(OSError):  # each `set` tries again to create the directory
            super().__init__(directory, params)
