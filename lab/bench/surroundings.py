"""Where benchmarks run: in a database of their own, with a production's settings, silently."""

import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.db import connection as django_connection
from django.test import override_settings

from config.errors import ProductError

HOST = "127.0.0.1"
# The stubs know nothing of the MongoDB backend's connection.
connection: Any = django_connection


class BenchFailed(ProductError):
    """Something in a benchmark did not work, so its figures would mean nothing."""

    code = "bench_failed"


@contextmanager
def surroundings() -> Iterator[None]:
    """Measure inside the block. With DEBUG Django would keep every query, and one caller asks more than anybody may."""
    with ExitStack() as stack:
        stack.enter_context(override_settings(DEBUG=False, THROTTLE=False, ALLOWED_HOSTS=[HOST], STATIC_ROOT=None))
        stack.enter_context(_unread_log())
        stack.enter_context(_own_database(f"{settings.DATABASES['default']['NAME']}_bench"))
        yield


@contextmanager
def _unread_log() -> Iterator[None]:
    """Write the log, which is part of the cost, to where nobody has to read it."""
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
    """Make Django's connection lead to a new, migrated database; drop that in the end."""
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
