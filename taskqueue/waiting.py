"""What a qcluster waits for before it works: MongoDB, and the migrations of its release."""

import logging
import time
from collections.abc import Callable

from pymongo.errors import PyMongoError

from config.errors import ProductError
from mongodb.failures import explain
from mongodb.pending import why_not_ready

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
SAY_AGAIN_SECONDS = 60.0


class NotReady(ProductError):
    """The database can't be used yet. The text says why."""

    code = "database_not_ready"


def await_database(*, unless: Callable[[], bool], once: bool) -> bool:
    """Return True as soon as the database can be used, or False if `unless` returns True first.

    The reason for waiting is logged at once, whenever it changes, and every minute. With `once`, NotReady is raised
    instead.
    """
    said, say_again_at = "", 0.0
    while not unless():
        reason = _reason()
        if not reason:
            return True
        if once:
            raise NotReady(reason)
        if reason != said or time.monotonic() >= say_again_at:
            logger.critical("cluster waits: %s", reason)
            said, say_again_at = reason, time.monotonic() + SAY_AGAIN_SECONDS
        time.sleep(LOOK_SECONDS)
    return False


def _reason() -> str:
    """Return in one sentence why the database can't be used; "" if it can."""
    try:
        return why_not_ready()
    except PyMongoError as error:
        return explain(error)
