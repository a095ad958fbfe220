"""The precise broker: messages with an ETA, an exact sleep, claims that name their owner.

django-q's ORM broker polls and its scheduler looks every 30 s; this one sleeps until the next message is due.
Source of the design: django-q2 1.11 `django_q/brokers/orm.py`, whose collection and admin page it keeps.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import cast

from bson import Binary, ObjectId
from django_q.brokers.orm import ORM
from django_q.conf import Conf
from pymongo import timeout

from config.clock import sleep_until
from mongodb.collections import Document, collection, quick_collection
from mongodb.transactions import kill_client_sessions
from taskqueue.claim_owner import is_dead, this_process
from taskqueue.host_locks import exclusive
from taskqueue.messages import MESSAGES, document, put
from taskqueue.queues import Queue

RELEASED = {"owner": "", "session": ""}
# Who looks out gives up then: a connection that hangs must not hold up the others.
LOOKOUT_SECONDS = 3.0
# A worker claims a message so long before it is due: to claim takes time. It holds it until then. Tasks of the queue
# `start` begin at once, and wait themselves with what must not come early.
CLAIM_AHEAD = timedelta(milliseconds=12)


@dataclass(frozen=True, slots=True)
class Claim:
    """A message that this process holds; `attempt` counts claims, this one included."""

    message_id: ObjectId
    payload: str
    attempt: int


class PreciseBroker(ORM):
    """A django-q broker over `django_q_ormq`, where `lock` means "not before". Make one in each process that claims."""

    # Of a worker's transactions: if it dies in one, whoever gives its claims back has it undone.
    session: Binary | None = None

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
        """Claim one due message, as django-q's brokers answer it; if none is due wait for one, `poll` seconds."""
        claim = self.claim() or self.await_claim()
        return [(claim.message_id, claim.payload)] if claim else []

    def claim(self) -> Claim | None:
        """Claim the message that has been due longest, or is about to be (CLAIM_AHEAD).

        Its lock moves `retry` seconds ahead; its attempt is counted. One at a time: what waits in a process is late,
        and lost for a while if the process dies. A claim that a failover undoes is made again by another worker.
        """
        return self._hand_over(self._take())

    def await_claim(self, *, unless: Callable[[], bool] = lambda: False) -> Claim | None:
        """Claim the next message that comes within `poll` seconds, or return None, as soon as `unless` says so.

        One worker of this host looks out for its queue; the others sleep until it has found something.
        """
        with exclusive(f"await-{self.list_key}"), timeout(LOOKOUT_SECONDS):
            taken = None if unless() or not self._sleep_until_claimable() or unless() else self._take()
        return self._hand_over(taken)

    def _take(self) -> Document | None:
        """Claim a message. Returns it as it was before."""
        claim = {"lock": self.timeout(None), "owner": self.owner, "session": self.session}
        taken: Document | None = quick_collection(MESSAGES).find_one_and_update(
            {"key": self.list_key, "lock": {"$lte": datetime.now(UTC) + CLAIM_AHEAD}},
            {"$set": claim, "$inc": {"attempts": 1}},
            sort=[("lock", 1)],
        )
        return taken

    def _sleep_until_claimable(self) -> bool:
        """Sleep until a message can be claimed, at most `poll` seconds. Returns whether one can."""
        soonest = collection(MESSAGES).find_one({"key": self.list_key}, {"lock": True}, sort=[("lock", 1)])
        claimable = soonest["lock"].replace(tzinfo=UTC) - CLAIM_AHEAD if soonest else None
        if claimable is None or claimable - datetime.now(UTC) > timedelta(seconds=Conf.POLL):
            time.sleep(Conf.POLL)
            return False
        sleep_until(claimable)
        return True

    def _hand_over(self, taken: Document | None) -> Claim | None:
        if taken is None:
            return None
        if self.list_key != Queue.START.value:
            sleep_until(taken["lock"].replace(tzinfo=UTC))
        return Claim(taken["_id"], taken["payload"], taken.get("attempts", 0) + 1)

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
    """Give back at once what these owners held, and undo what they had begun. Returns how many messages."""
    held = {"owner": {"$in": owners}}
    kill_client_sessions(collection(MESSAGES).distinct("session", {**held, "session": {"$type": "binData"}}))
    released = collection(MESSAGES).update_many(held, {"$set": {"lock": datetime.now(UTC)}, "$unset": RELEASED})
    return int(released.modified_count)


def release_dead_owners() -> int:
    """Give back what processes of this host held that live no more. Of other hosts `retry` decides."""
    owners = collection(MESSAGES).distinct("owner", {"owner": {"$type": "string"}})
    return release([owner for owner in owners if is_dead(owner)])
