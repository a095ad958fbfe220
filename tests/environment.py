"""The environment of a test run. pytest loads this module as its first plugin, before anything reads the settings."""

import atexit
import fcntl
import os
import re
import shutil
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import IO

import django
from django.conf import settings

from config.errors import ProductError

ROOT = Path(__file__).resolve().parent.parent
# The shell's values. They are kept because the workers of pytest-xdist inherit the changed environment of the run.
DATA_DIR = os.environ.setdefault("TESTS_DATA_DIR", os.environ.get("DATA_DIR", ""))
MONGODB_URI = os.environ.setdefault("TESTS_MONGODB_URI", os.environ.get("MONGODB_URI", ""))
MONGO_DIR = Path(DATA_DIR or ROOT / ".data") / "mongo-test"
MONGO_PORT = 27217
RUN = f"tests-{os.getpid()}"  # simultaneous runs, and the workers of one run, have a database each
SETTINGS = {
    "DEBUG": "on",  # so the product generates its secrets
    "THROTTLE": "off",
    "REALTIME_BACKEND": "locmem",
    "RTC_BACKEND": "locmem",
    "ANALYTICS_BACKEND": "locmem",
    "MONGODB_NAME": RUN,
    "DJANGO_SETTINGS_MODULE": "config.settings",
}


class Environment:
    """The environment of a test run, or of one of its workers: settings, a directory for files, and a replica set.

    MONGODB_URI names the MongoDB server. If it is not set, all runs of this tree share the embedded server, and the
    last run to end stops it.
    """

    def __init__(self) -> None:
        MONGO_DIR.mkdir(parents=True, exist_ok=True)
        atexit.register(self._close)
        self._users: IO[str] | None = None
        self._files = tempfile.TemporaryDirectory(prefix=f"{RUN}-")
        (Path(self._files.name) / "static").mkdir()  # WhiteNoise warns if it is missing
        # The shell or a `.env` may have set variables. They are emptied, and an empty variable counts as not set.
        os.environ |= dict.fromkeys(known_settings(), "") | SETTINGS | {"DATA_DIR": self._files.name}
        uri = MONGODB_URI or self._start_mongo()
        # Without stored bytecode, each of the tests' hundred or so processes would take 0.4 s to compile all modules.
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        sys.dont_write_bytecode = False
        # `failCommand` recognises the connections of this process by this name.
        os.environ["MONGODB_URI"] = f"{uri}{'&' if '?' in uri else '?'}appName={RUN}"
        django.setup()
        settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # the real hasher takes 0.3 s
        settings.WHITENOISE_AUTOREFRESH = True  # otherwise each test's client scans all files for 80 ms

    def _start_mongo(self) -> str:
        from lab import embedded_mongo  # noqa: PLC0415 - reads DATA_DIR when imported

        self._users = (MONGO_DIR / "users").open("w")
        with suppress(BlockingIOError):
            fcntl.flock(self._users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            embedded_mongo.stop(MONGO_DIR)  # no other run uses this server, which a killed run may have left behind
            shutil.rmtree(MONGO_DIR / "db")
        fcntl.flock(self._users, fcntl.LOCK_SH)
        try:
            return embedded_mongo.start(MONGO_DIR, MONGO_PORT, test_commands=True)
        except ProductError as error:
            sys.exit(str(error))

    def _close(self) -> None:
        """Remove the files, and stop the server unless another run uses it."""
        self._files.cleanup()
        if self._users is None:
            return
        from lab import embedded_mongo  # noqa: PLC0415 - reads DATA_DIR when imported

        with self._users:
            try:
                fcntl.flock(self._users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            embedded_mongo.stop(MONGO_DIR)


def known_settings() -> list[str]:
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    names = re.findall(r"^#?([A-Z][A-Z_]*)=", example, re.MULTILINE)
    return [*names, *(f"{name}_FILE" for name in names)]


ENVIRONMENT = Environment()
