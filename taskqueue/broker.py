"""The precise broker: messages with an ETA, an exact sleep, claims that name their owner.

django-q's ORM broker polls and its scheduler looks every 30 s; this one sleeps until the next message is due.
Source of the design: django-q2 1.11 `django_q/brokers/orm.py`, whose collection and admin page it keeps.
"""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, cast

from bson import ObjectId
from django_q.brokers.orm import ORM
from django_q.conf import Conf
from pymongo import ReturnDocument

from config.transactions import collection, quick_collection
from taskqueue.messages import MESSAGES, document, put
from taskqueue.owner import is_dead, this_process

RELEASED = {"owner": ""}
# Workers that woke at the same moment for one message would take the processor from the one that gets it.
PATIENCE = timedelta(milliseconds=3)


@dataclass(frozen=True, slots=True)
class Claim:
    """A message that this process holds; `attempt` counts claims, this one included."""

    message_id: ObjectId
    payload: str
    attempt: int


class PreciseBroker(ORM):
    """A django-q broker over `django_q_ormq`, where `lock` means "not before". Make one in each process that claims."""

    def __init__(self, list_key: str | None = None, *, rank: int = 0) -> None:
        """`rank`: which of its queue's sleeping workers this is; they wake one after the other, not at once."""
        super().__init__(list_key)
        self._patience = rank * PATIENCE

    @cached_property
    def owner(self) -> str:
        """The name under which this process claims."""
        return this_process()

    def enqueue(self, task: str) -> ObjectId:
        """Insert a signed package that is due now (django-q's own way in: admin, schedules)."""
        entry = document(task, key=self.list_key, not_before=datetime.now(UTC))
        put([entry])
        return cast(ObjectId, entry["_id"])

    def dequeue(self) -> list[tuple[ObjectId, str]]:
        """Claim one due message, as django-q's brokers answer it; if none is due sleep first."""
        if claim := self.claim():
            return [(claim.message_id, claim.payload)]
        self.await_due()
        return []

    def claim(self) -> Claim | None:
        """Claim the message that has been due longest. Its lock moves `retry` seconds ahead; its attempt is counted.

        One at a time: what waits in a process is late, and lost for a while if the process dies. A claim that a
        failover undoes is made again by another worker.
        """
        now = datetime.now(UTC)
        claimed: dict[str, Any] | None = quick_collection(MESSAGES).find_one_and_update(
            {"key": self.list_key, "lock": {"$lte": now}},
            {"$set": {"lock": self.timeout(None), "owner": self.owner}, "$inc": {"attempts": 1}},
            sort=[("lock", 1)],
            return_document=ReturnDocument.AFTER,
        )
        if claimed is None:
            return None
        return Claim(claimed["_id"], claimed["payload"], claimed["attempts"])

    def await_due(self) -> bool:
        """Sleep until the next message of the queue is due, at most `poll` seconds. Returns whether one is due."""
        soonest = collection(MESSAGES).find_one({"key": self.list_key}, {"lock": True}, sort=[("lock", 1)])
        poll = timedelta(seconds=Conf.POLL)
        wait = soonest["lock"].replace(tzinfo=UTC) - datetime.now(UTC) if soonest else timedelta.max
        if wait > poll:
            time.sleep(Conf.POLL)
            return False
        time.sleep(max(wait + self._patience, timedelta()).total_seconds())
        return True

    def acknowledge(self, task_id: ObjectId) -> None:
        """Delete the message of a task that is done, for good: one that a failover brought back would stay claimed."""
        collection(MESSAGES).delete_one({"_id": task_id})

    def retry_after(self, message_id: ObjectId, seconds: float) -> None:
        """Give a claimed message back, to be tried again after the seconds."""
        lock = datetime.now(UTC) + timedelta(seconds=seconds)
        collection(MESSAGES).update_one({"_id": message_id}, {"$set": {"lock": lock}, "$unset": RELEASED})

    def set_aside(self, message_id: ObjectId) -> None:
        """Keep a claimed message where no worker looks: in the queue with the suffix `-unreadable`."""
        key = f"{self.list_key}-unreadable"
        collection(MESSAGES).update_one({"_id": message_id}, {"$set": {"key": key}, "$unset": RELEASED})


def is_due(key: str) -> bool:
    """Tell whether the queue holds a message that could be claimed now."""
    return collection(MESSAGES).find_one({"key": key, "lock": {"$lte": datetime.now(UTC)}}, {"_id": True}) is not None


def extend(owners: list[str]) -> None:
    """Keep what living owners hold from coming back."""
    lock = datetime.now(UTC) + timedelta(seconds=Conf.RETRY)
    collection(MESSAGES).update_many({"owner": {"$in": owners}}, {"$set": {"lock": lock}})


def release(owners: list[str]) -> int:
    """Give back at once what these owners held. Returns how many messages."""
    released = collection(MESSAGES).update_many(
        {"owner": {"$in": owners}}, {"$set": {"lock": datetime.now(UTC)}, "$unset": RELEASED}
    )
    return int(released.modified_count)


def release_dead_owners() -> int:
    """Give back what processes of this host held that live no more. Of other hosts `retry` decides."""
    owners = collection(MESSAGES).distinct("owner", {"owner": {"$type": "string"}})
    return release([owner for owner in owners if is_dead(owner)])
