"""Counts how often a message is claimed again.

The counter watches a change stream, because a message is deleted once its task is done.
"""

import threading
import time
from typing import Any, Self

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from taskqueue.messages import MESSAGES

CLAIMED_AGAIN: list[dict[str, Any]] = [
    {"$match": {"operationType": "update", "updateDescription.updatedFields.attempts": {"$gte": 2}}},
    {"$project": {"documentKey": True}},
]
AWAY_PAUSE_SECONDS = 0.2


class Reruns:
    """Counts repeated claims inside the block, even if MongoDB is restarted."""

    def __init__(self, client: MongoClient[dict[str, Any]], database: str) -> None:
        self.count = 0
        self._messages = client[database][MESSAGES]
        self._watches = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._watches.wait()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        token = None
        while not self._ended.is_set():
            try:
                with self._messages.watch(CLAIMED_AGAIN, resume_after=token, max_await_time_ms=200) as stream:
                    self._watches.set()
                    while not self._ended.is_set():
                        self.count += stream.try_next() is not None
                        token = stream.resume_token
            except PyMongoError:
                time.sleep(AWAY_PAUSE_SECONDS)
