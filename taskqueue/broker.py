"""The precise broker: messages with an ETA, an exact sleep, claims in bulk.

django-q's ORM broker polls, and its scheduler looks every 30 s; this one sleeps until the next message is due.
Source of the design: django-q2 1.11 `django_q/brokers/orm.py`, whose collection and admin page it keeps.
"""

import logging
import time
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from bson import ObjectId
from django_q.brokers.orm import ORM
from django_q.conf import Conf
from pymongo.errors import PyMongoError

from config.transactions import collection
from taskqueue.messages import MESSAGES, document, put

logger = logging.getLogger(__name__)

AWAY_PAUSE_SECONDS = 0.5


class PreciseBroker(ORM):
    """A django-q broker over `django_q_ormq`, where `lock` means "not before"."""

    def enqueue(self, task: str) -> ObjectId:
        """Insert a signed package that is due now (django-q's own way in: admin, schedules)."""
        entry = document(task, key=self.list_key, not_before=datetime.now(UTC))
        put([entry])
        return cast(ObjectId, entry["_id"])

    def dequeue(self) -> list[tuple[ObjectId, str]]:
        """Claim up to `bulk` due messages; if none is due sleep until the next one is, at most `poll`."""
        now = datetime.now(UTC)
        try:
            waiting = self._next_messages()
            due = [entry["_id"] for entry in waiting if entry["lock"] <= now]
            if due:
                return self._claim(due, now)
        except PyMongoError:
            logger.exception("queue unreachable queue=%s", self.list_key)
            time.sleep(AWAY_PAUSE_SECONDS)
            return []
        next_due = waiting[0]["lock"] - now if waiting else timedelta.max
        time.sleep(min(Conf.POLL, next_due.total_seconds()))
        return []

    def _next_messages(self) -> list[dict[str, Any]]:
        """Return `{_id, lock}` of the next messages, soonest first (index `key_lock`)."""
        cursor = collection(MESSAGES).find({"key": self.list_key}, {"lock": 1}).sort("lock", 1).limit(Conf.BULK)
        return [{**entry, "lock": entry["lock"].replace(tzinfo=UTC)} for entry in cursor]

    def _claim(self, due: list[ObjectId], now: datetime) -> list[tuple[ObjectId, str]]:
        """Move the locks of those still due `retry` seconds ahead; return what this call has won."""
        claim = ObjectId()
        messages = collection(MESSAGES)
        messages.update_many(
            {"_id": {"$in": due}, "lock": {"$lte": now}},
            {"$set": {"lock": self.timeout(None), "claim": claim}},
        )
        won = {entry["_id"]: entry["payload"] for entry in messages.find({"_id": {"$in": due}, "claim": claim})}
        return [(message_id, won[message_id]) for message_id in due if message_id in won]
