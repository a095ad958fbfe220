"""Keeps a web process on the right clock (docs/adr/0054-clocks.md), as a qcluster does for its workers."""

import logging
import threading
import time

from django.db import DatabaseError
from pymongo.errors import PyMongoError

from mongodb.deadlines import finish_within
from taskqueue.clock_skew import ClockWatch

logger = logging.getLogger(__name__)

LOOK_EVERY_SECONDS = 5.0
LOOK_WITHIN_SECONDS = 5.0


def watch_clock() -> None:
    """Measure the clock regularly, in a thread that ends with the process.

    A request that measured the clock would have to wait for MongoDB, and `/healthz` must not wait.
    """
    threading.Thread(target=_watch, name="clock", daemon=True).start()


def _watch() -> None:
    watch = ClockWatch()
    while True:
        try:
            with finish_within(LOOK_WITHIN_SECONDS):
                watch.look()
        except (PyMongoError, DatabaseError) as error:
            logger.info("the clock was not measured error=%s", type(error).__name__)
        time.sleep(LOOK_EVERY_SECONDS)
