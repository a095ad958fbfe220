"""The environment of a benchmark: a database and a directory of its own, production settings, and a silent log."""

import logging
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NoReturn

from django.conf import settings
from django.core.management import call_command
from django.db import connection as django_connection
from django.test import override_settings

from config.errors import ProductError

HOST = "127.0.0.1"
# The type is Any, because the type stubs don't know the connection of the MongoDB backend.
connection: Any = django_connection


class BenchFailed(ProductError):
    """A step of a benchmark failed, so its figures would mean nothing."""

    code = "bench_failed"


@contextmanager
def bench_environment() -> Iterator[None]:
    """Set up the environment for the block.

    DEBUG is off, because Django would otherwise keep every query in memory. THROTTLE is off, because a caller may send
    more requests than the rate limits allow.
    """
    with ExitStack() as stack:
        stack.enter_context(override_settings(DEBUG=False, THROTTLE=False, ALLOWED_HOSTS=[HOST], STATIC_ROOT=None))
        stack.enter_context(_discarded_log())
        stack.enter_context(_own_database(f"{settings.DATABASES['default']['NAME']}_bench"))
        yield


def mongodb_cpu_seconds() -> float:
    """Return the CPU time that the MongoDB server has used so far."""
    used = connection.database.command("serverStatus")["extra_info"]
    return float(used["user_time_us"] + used["system_time_us"]) / 1e6


@contextmanager
def clean_interruption() -> Iterator[None]:
    """Turn SIGTERM and Ctrl-C into BenchFailed, so that all processes end and the database is dropped."""
    previous = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    except KeyboardInterrupt as error:
        raise BenchFailed("Interrupted; all processes have ended.") from error
    finally:
        signal.signal(signal.SIGTERM, previous)


def empty_directory(name: str) -> Path:
    """Return the benchmark's own directory for logs, without the files of an earlier run."""
    directory = Path(settings.DATA_DIR) / "bench" / name
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True, mode=0o700)
    return directory


@contextmanager
def _discarded_log() -> Iterator[None]:
    """Write the log to /dev/null. It is not switched off, because writing it is part of the cost."""
    handlers = [each for each in logging.getLogger().handlers if isinstance(each, logging.StreamHandler)]
    with open(os.devnull, "w", encoding="utf-8") as nowhere:  # noqa: PTH123 - a device, not a path
        streams = [handler.setStream(nowhere) for handler in handlers]
        try:
            yield
        finally:
            for handler, stream in zip(handlers, streams, strict=True):
                handler.setStream(stream)


@contextmanager
def _own_database(name: str) -> Iterator[None]:
    """Connect Django to a new, migrated database, and drop the database at the end."""
    configured = connection.settings_dict["NAME"]
    connection.close_pool()
    connection.settings_dict["NAME"] = name
    try:
        connection.database.client.drop_database(name)
        call_command("migrate", verbosity=0)
        yield
    finally:
        connection.database.client.drop_database(name)
        connection.close_pool()
        connection.settings_dict["NAME"] = configured


def _interrupt(_signal: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt
