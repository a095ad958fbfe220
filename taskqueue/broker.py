"""The precise broker: messages with an ETA, an exact sleep, claims that name their owner.

django-q's ORM broker polls and its scheduler looks every 30 s; this one sleeps until the next message is due.
Source of the design: django-q2 1.11 `django_q/brokers/orm.py`, whose collection and admin page it keeps.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import cast

from bson import Binary, ObjectId
from django_q.brokers.orm import ORM
from django_q.conf import Conf
from pymongo import timeout
from pymongo.errors import ExecutionTimeout

from config.clock import sleep_until
from mongodb.collections import Document, collection, quick_collection
from mongodb.impatient import Held, find_one_and_update_unless_held
from mongodb.transactions import kill_client_sessions
from taskqueue.claim_owner import is_dead, this_process
from taskqueue.host_locks import exclusive
from taskqueue.messages import MESSAGES, document, put
from taskqueue.queues import Queue

logger = logging.getLogger(__name__)

RELEASED = {"owner": "", "session": ""}
# The worker on the lookout gives up after this time: its hanging connection must not hold up the others.
LOOKOUT_SECONDS = 3.0
# Because a claim takes time, a worker claims a message this long before it is due, and holds it until then. Tasks of
# the queue `start` begin at once, and wait themselves before they take effect.
CLAIM_AHEAD = timedelta(milliseconds=12)
# If a claim takes longer than this, an open transaction has deleted the message, because a show is being moved or
# cancelled. The worker then claims the next message instead. Its later claims do so too, for a while.
CLAIM_MILLISECONDS = 25
LOOK_PAST_HELD_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Claim:
    """A message that this process holds; `attempt` counts claims, this one included."""

    message_id: ObjectId
    payload: str
    attempt: int


class PreciseBroker(ORM):
    """A django-q broker over `django_q_ormq`, where `lock` means "not before". Make one in each process that claims."""

    # The client session of this worker's transactions. If the worker dies in one, releasing its claims aborts it.
    session: Binary | None = None
    # The monotonic time until which each claim looks past messages that transactions hold.
    _looks_past_held_until = 0.0

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
        """Claim one due message, in the form that django-q's brokers return. Waits for up to `poll` seconds."""
        claim = self.claim() or self.await_claim()
        return [(claim.message_id, claim.payload)] if claim else []

    def claim(self) -> Claim | None:
        """Claim the message that has been due longest, or that is due within CLAIM_AHEAD.

        Its lock moves `retry` seconds ahead, and the attempt is counted. A worker holds one message at a time, because
        a message that waits in a process is late, and lost for a while if the process dies. If a failover undoes the
        claim, another worker claims the message again.
        """
        return self._hand_over(self._take())

    def await_claim(self, *, unless: Callable[[], bool] = lambda: False) -> Claim | None:
        """Claim the next message that is due within `poll` seconds. Returns None as soon as `unless` is true.

        One worker on this host looks out for each queue; the others sleep until it has found a message.
        """
        with exclusive(f"await-{self.list_key}"), timeout(LOOKOUT_SECONDS):
            patience = timedelta(seconds=Conf.POLL)
            taken = None if unless() else self._take_past_held(patience=patience, unless=unless)
        return self._hand_over(taken)

    def _take(self) -> Document | None:
        """Claim a message, by one command unless a transaction holds it. Return the document as it was before."""
        if time.monotonic() >= self._looks_past_held_until:
            try:
                return self._take_earliest()
            except ExecutionTimeout:
                logger.info("looks past held messages queue=%s", self.list_key)
                self._looks_past_held_until = time.monotonic() + LOOK_PAST_HELD_SECONDS
                release([self.owner])  # the command may have claimed one although it failed
        return self._take_past_held()

    def _take_earliest(self) -> Document | None:
        taken: Document | None = quick_collection(MESSAGES).find_one_and_update(
            self._claimable_now(),
            self._claim_by_this_process(),
            sort=[("lock", 1)],
            maxTimeMS=CLAIM_MILLISECONDS,
        )
        return taken

    def _take_past_held(
        self, *, patience: timedelta = timedelta(0), unless: Callable[[], bool] = lambda: False
    ) -> Document | None:
        """Claim the earliest message that no transaction holds. Sleep until it can be claimed, but not longer.

        Returns None if another worker has claimed it meanwhile, or `unless` is true.
        """
        give_up_at = datetime.now(UTC) + patience
        held: list[Document] = []
        while (message := self._earliest(besides=held)) and (claimable := _claimable_at(message)) <= give_up_at:
            sleep_until(claimable)
            if unless():
                return None
            try:
                return find_one_and_update_unless_held(
                    MESSAGES, {"_id": message["_id"], **self._claimable_now()}, self._claim_by_this_process()
                )
            except Held:
                held.append(message)
        sleep_until(give_up_at)
        return None

    def _earliest(self, *, besides: Sequence[Document]) -> Document | None:
        """Return the message that is due first, leaving out all messages of the subjects of held ones.

        The transaction that holds one message of a subject holds all of them.
        """
        others: Document = {}
        if besides:
            subjects = [message["subject"] for message in besides if message.get("subject")]
            others = {"_id": {"$nin": [message["_id"] for message in besides]}, "subject": {"$nin": subjects}}
        earliest: Document | None = collection(MESSAGES).find_one(
            {"key": self.list_key, **others}, {"lock": True, "subject": True}, sort=[("lock", 1)]
        )
        return earliest

    def _claimable_now(self) -> Document:
        return {"key": self.list_key, "lock": {"$lte": datetime.now(UTC) + CLAIM_AHEAD}}

    def _claim_by_this_process(self) -> Document:
        claim = {"lock": self.timeout(None), "owner": self.owner, "session": self.session}
        return {"$set": claim, "$inc": {"attempts": 1}}

    def _hand_over(self, taken: Document | None) -> Claim | None:
        if taken is None:
            return None
        if self.list_key != Queue.START.value:
            sleep_until(taken["lock"].replace(tzinfo=UTC))
        return Claim(taken["_id"], taken["payload"], taken.get("attempts", 0) + 1)

    def acknowledge(self, task_id: ObjectId) -> None:
        """Delete the message of a task that is done.

        It waits for the majority: a failover must not bring it back claimed.
        """
        collection(MESSAGES).delete_one({"_id": task_id})

    def retry_after(self, message_id: ObjectId, seconds: float) -> None:
        """Give a claimed message back, to be tried again after this many seconds."""
        lock = datetime.now(UTC) + timedelta(seconds=seconds)
        collection(MESSAGES).update_one({"_id": message_id}, {"$set": {"lock": lock}, "$unset": RELEASED})

    def set_aside(self, message_id: ObjectId) -> None:
        """Move a claimed message to the queue with the suffix `-unreadable`, which no worker serves."""
        key = f"{self.list_key}-unreadable"
        collection(MESSAGES).update_one({"_id": message_id}, {"$set": {"key": key}, "$unset": RELEASED})


def _claimable_at(message: Document) -> datetime:
    due: datetime = message["lock"].replace(tzinfo=UTC)
    return due - CLAIM_AHEAD


def is_due(key: str) -> bool:
    """Tell whether the queue holds a message that could be claimed now."""
    return collection(MESSAGES).find_one({"key": key, "lock": {"$lte": datetime.now(UTC)}}, {"_id": True}) is not None


def extend(owners: list[str]) -> None:
    """Extend the claims of living owners, so that no other worker takes their messages."""
    lock = datetime.now(UTC) + timedelta(seconds=Conf.RETRY)
    collection(MESSAGES).update_many({"owner": {"$in": owners}}, {"$set": {"lock": lock}})


def release(owners: list[str]) -> int:
    """Release the claims of these owners and abort their transactions, at once. Returns the number of messages."""
    held = {"owner": {"$in": owners}}
    kill_client_sessions(collection(MESSAGES).distinct("session", {**held, "session": {"$type": "binData"}}))
    released = collection(MESSAGES).update_many(held, {"$set": {"lock": datetime.now(UTC)}, "$unset": RELEASED})
    return int(released.modified_count)


def release_dead_owners() -> int:
    """Release the claims of dead processes of this host. Claims of other hosts end after `retry` seconds."""
    owners = collection(MESSAGES).distinct("owner", {"owner": {"$type": "string"}})
    return release([owner for owner in owners if is_dead(owner)])
