"""The precise broker, whose workers start each task at the moment when it is due.

django-q's ORM broker polls, and its scheduler looks for due tasks every 30 s. This broker sleeps until the next
message is due. It can claim several messages together, and a claim names its owner. It is based on
`django_q/brokers/orm.py` of django-q2 1.11, and keeps that broker's collection and admin page.
"""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from multiprocessing.sharedctypes import RawValue
from typing import Any, cast

from bson import Binary, ObjectId
from django.conf import settings
from django_q.brokers.orm import ORM
from django_q.conf import Conf
from pymongo import UpdateOne

from config import clock
from mongodb.collections import Document, collection, quick_collection, tolerant_collection
from mongodb.deadlines import QUEUE_SECONDS, finish_within
from mongodb.impatient import Held, update_unless_held, update_within
from mongodb.transactions import is_client_session, kill_client_sessions
from taskqueue import bells
from taskqueue.aside import without_odd
from taskqueue.batches import LOOKS, by_rank, choose, rank_conditions
from taskqueue.claim_owner import this_process
from taskqueue.host_locks import GLANCE_EVERY_SECONDS, exclusive
from taskqueue.messages import MESSAGES, RELEASED, UNREADABLE, document, due_at_once, put
from taskqueue.queues import Queue, look_every

logger = logging.getLogger(__name__)

# A worker of the lane START claims a message this long before it is due, because a claim takes time. The task that
# starts shows then waits for the exact moment before it commits.
CLAIM_AHEAD = timedelta(milliseconds=12)
# If a claim takes longer than this, an open transaction, which moves or cancels a show, has deleted one of the
# messages. The worker then claims the other messages, and skips that message for a while.
CLAIM_MILLISECONDS = 25
LOOK_PAST_HELD_SECONDS = 0.5
# A worker waits for its turn to look until any stuck worker should have been killed, and then for this much longer. If
# its turn has not come by then, the cluster that should have killed the stuck worker must be stuck itself.
SPARE_SECONDS = 5.0
# A worker that has once waited for its turn in vain later waits for at most this many intervals of `look_every`.
LOOKS_OF_OTHERS = 4
# The most messages that a look reads. A batch is chosen from them.
LOOK_AT = 150


@dataclass(frozen=True, slots=True)
class Claim:
    """A message that this process holds; `attempt` counts claims, this one included."""

    message_id: ObjectId
    payload: str
    attempt: int
    name: str = ""


class PreciseBroker(ORM):
    """A django-q broker over `django_q_ormq`, where `lock` means "not before".

    Each process that claims makes its own broker.
    """

    # The id of the client session of this worker's transactions. If the worker dies in a transaction, the release of
    # its claims aborts the transaction.
    session: Binary | None = None

    def __init__(self, list_key: str | None = None) -> None:
        super().__init__(list_key or Conf.PREFIX)
        # The epoch is how often this process has lost contact with MongoDB. The process no longer holds what it has
        # claimed in earlier epochs.
        self.epoch: Any = RawValue("L", 0)
        # The monotonic time from which the present claim counts as stuck, or 0.
        self.stuck_at: Any = RawValue("d", 0.0)
        self._ahead = CLAIM_AHEAD if self.list_key == Queue.START.value else timedelta(0)
        # Messages that open transactions have deleted, each with its subject, and with the monotonic time until which
        # to skip it.
        self._held: dict[ObjectId, tuple[str, float]] = {}

    @cached_property
    def owner(self) -> str:
        """The name under which this process claims."""
        return this_process()

    def enqueue(self, task: str) -> ObjectId:
        """Insert a signed package that is due now, and return the message's id. Django-q's own code calls this."""
        entry = document(task, key=self.list_key, not_before=due_at_once())
        put(entry)
        return cast(ObjectId, entry["_id"])

    def dequeue(self) -> list[tuple[ObjectId, str]]:
        """Claim messages, and return the id and the payload of each. Wait for up to `Q_CLUSTER["poll"]` seconds."""
        return [(claim.message_id, claim.payload) for claim in self.claim(patience=timedelta(seconds=Conf.POLL))]

    def claim(self, *, patience: timedelta = timedelta(0), unless: Callable[[], bool] = lambda: False) -> list[Claim]:
        """Claim the messages that are due and that one worker should take together; see `batches.choose`.

        Wait for up to `patience` until a message is due, and return no messages as soon as `unless` returns true. Only
        one worker of a host looks at a time. The messages stay claimed until they are settled or released.
        """
        seconds = patience.total_seconds() + QUEUE_SECONDS
        turn = exclusive(
            f"claim-{self.list_key}",
            within=_stuck_after(seconds) + SPARE_SECONDS,
            again_within=min(LOOKS_OF_OTHERS * look_every(self.list_key), GLANCE_EVERY_SECONDS),
            unless=unless,
        )
        with turn, self._not_stuck_within(seconds), finish_within(seconds):
            give_up_at = clock.now() + patience
            while not unless():
                found = self._look(until=give_up_at)
                claimable_at = found[0]["lock"].replace(tzinfo=UTC) - self._ahead if found else give_up_at
                if self._wait(claimable_at):
                    continue  # a message has come meanwhile
                now, held = clock.now(), len(self._held)
                if found and not unless() and (taken := self._take(choose(found, now=now), now=now)):
                    return taken
                if now >= give_up_at and len(self._held) == held:
                    break
        return []

    @contextmanager
    def _not_stuck_within(self, seconds: float) -> Iterator[None]:
        """Let the cluster count this worker as stuck if the block takes much longer than `seconds`.

        No other worker of the host can look while this worker is in the block.
        """
        self.stuck_at.value = time.monotonic() + _stuck_after(seconds)
        try:
            yield
        finally:
            self.stuck_at.value = 0.0

    def claim_for_probe(self) -> list[Claim]:
        """Claim one message that is due, or that waits for another attempt, however long its pause still is.

        Return a list with the claim, or an empty list.
        """
        tried = {"$or": [{"lock": {"$lte": clock.now()}}, {"attempts": {"$gte": 1}}]}
        for message in self._found({"key": self.list_key, "owner": None, **tried}):
            free = {"_id": message["_id"], "owner": None}
            if collection(MESSAGES).update_one(free, self._claim_by_this_process()).modified_count:
                return [_claim_of(message)]
        return []

    def _wait(self, moment: datetime) -> bool:
        """Sleep until the moment and return False, or return True as soon as the bell rings."""
        while (seconds := (moment - clock.now()).total_seconds()) > 0:
            if bells.wait(self.list_key, seconds):
                return True
        return False

    def _look(self, *, until: datetime) -> list[Document]:
        """Return the messages that no worker holds and that can be claimed by `until`, in the order to take them."""
        found = self._find(before=until)
        now = clock.now()
        if not found or found[0]["lock"].replace(tzinfo=UTC) - self._ahead > now:
            return found
        if len(found) < LOOK_AT:
            return by_rank(found, due_at=now + self._ahead)
        # There may be more messages, and more urgent ones among them.
        urgent = (self._find(before=now, **rank) for rank in rank_conditions(self.list_key))
        return next(filter(None, urgent), found)

    def _find(self, *, before: datetime, **condition: Any) -> list[Document]:
        free = {"key": self.list_key, "owner": None, "lock": {"$lte": before + self._ahead}, **self._besides_held()}
        return self._found({**free, **condition})

    def _found(self, condition: Document) -> list[Document]:
        """Return up to LOOK_AT matching messages, sorted by `lock`. Set odd messages aside (`aside.py`)."""
        while True:
            looked = list(tolerant_collection(MESSAGES).find(condition, LOOKS).sort("lock", 1).limit(LOOK_AT))
            sound = without_odd(looked, self.list_key)
            if sound or len(looked) < LOOK_AT:
                return sound

    def _besides_held(self) -> Document:
        """Return a condition that excludes the messages that transactions hold, and all others of the same subjects.

        A transaction that holds one message of a subject holds all of them.
        """
        self._held = {key: held for key, held in self._held.items() if held[1] > time.monotonic()}
        if not self._held:
            return {}
        subjects = {subject for subject, _until in self._held.values() if subject}
        return {"_id": {"$nin": list(self._held)}, "subject": {"$nin": list(subjects)}}

    def _take(self, chosen: Sequence[Document], *, now: datetime) -> list[Claim]:
        """Claim those of the messages that are still free, and return the claims.

        This takes one update, or several if transactions hold some of the messages.
        """
        ids = [message["_id"] for message in chosen]
        claim = self._claim_by_this_process()
        count = update_within(MESSAGES, self._free(ids, now), claim, milliseconds=CLAIM_MILLISECONDS)
        if count is None:
            logger.info("skips messages that transactions hold queue=%s", self.list_key)
            self._take_unless_held(chosen, now=now)
        if count != len(ids):
            mine = {"_id": {"$in": ids}, "owner": self.owner, "epoch": self.epoch.value}
            ids = [message["_id"] for message in collection(MESSAGES).find(mine, {"_id": True})]
        return [_claim_of(each) for each in chosen if each["_id"] in ids]

    def _take_unless_held(self, chosen: Sequence[Document], *, now: datetime) -> None:
        """Claim the messages, in ever smaller parts, except for those that transactions hold. Note which are held."""
        try:
            update_unless_held(
                MESSAGES, self._free([each["_id"] for each in chosen], now), self._claim_by_this_process()
            )
        except Held:
            if len(chosen) == 1:
                until = time.monotonic() + LOOK_PAST_HELD_SECONDS
                self._held[chosen[0]["_id"]] = (chosen[0].get("subject", ""), until)
                return
            half = len(chosen) // 2
            self._take_unless_held(chosen[:half], now=now)
            self._take_unless_held(chosen[half:], now=now)

    def _free(self, ids: list[ObjectId], now: datetime) -> Document:
        return {"_id": {"$in": ids}, "owner": None, "lock": {"$lte": now + self._ahead}}

    def _claim_by_this_process(self) -> Document:
        owner = {"owner": self.owner, "session": self.session, "epoch": self.epoch.value}
        return {"$set": {"lock": self.timeout(None), **owner}, "$inc": {"attempts": 1}}

    def acknowledge(self, task_id: ObjectId) -> None:
        """Delete the message of a task that is done."""
        self.acknowledge_all([task_id])

    def acknowledge_all(self, message_ids: Sequence[ObjectId]) -> None:
        """Delete the messages of tasks that are done.

        The deletion waits for a majority of the servers, because a failover must not bring the messages and their
        claims back.
        """
        collection(MESSAGES).delete_many({"_id": {"$in": list(message_ids)}})

    def retry_after(self, seconds: dict[ObjectId, float], *, uncounted: bool = False, alone: bool = False) -> None:
        """Give claimed messages back, each to be tried again after its pause in seconds.

        With `alone`, each is claimed by itself from now on. With `uncounted`, the attempt does not count: the vendor
        was away, so the attempt says nothing about the messages.
        """
        now = clock.now()
        attempts = {"$inc": {"attempts": -1}} if uncounted else {}
        taken_alone = {"alone": True} if alone else {}
        collection(MESSAGES).bulk_write(
            [
                UpdateOne(
                    # If MongoDB has responded so late that the messages were released, they may have another owner.
                    {"_id": each, "owner": self.owner, "epoch": self.epoch.value},
                    {
                        "$set": {"lock": now + timedelta(seconds=pause), **taken_alone},
                        "$unset": RELEASED,
                        **attempts,
                    },
                )
                for each, pause in seconds.items()
            ],
            ordered=False,
        )

    def set_aside(self, message_id: ObjectId) -> None:
        """Move a claimed message to the queue with the suffix `-unreadable`, which no worker serves."""
        key = f"{self.list_key}{UNREADABLE}"
        collection(MESSAGES).update_one({"_id": message_id}, {"$set": {"key": key}, "$unset": RELEASED})


def _claim_of(message: Document) -> Claim:
    return Claim(message["_id"], message["payload"], int(message.get("attempts", 0)) + 1, message.get("name", ""))


def _stuck_after(seconds: float) -> float:
    """Return after how many seconds the cluster kills a worker whose claim should take `seconds`."""
    return seconds + float(settings.Q_STUCK_GRACE_SECONDS)


def is_due(key: str) -> bool:
    """Tell whether the queue holds a message that could be claimed now."""
    free = {"key": key, "owner": None, "lock": {"$lte": clock.now()}}
    return tolerant_collection(MESSAGES).find_one(free, {"_id": True}) is not None


def release_former(epochs: Mapping[str, int]) -> int:
    """Release the messages that each owner claimed before its present epoch. Return their number."""
    former = [{"owner": owner, "epoch": {"$lt": epoch}} for owner, epoch in epochs.items() if epoch]
    if not former:
        return 0
    freed = {"$set": {"lock": clock.now()}, "$unset": RELEASED}
    return int(quick_collection(MESSAGES).update_many({"$or": former}, freed).modified_count)


def release(owners: Sequence[str], *, died: bool = False) -> int:
    """Abort the transactions of these owners, and release their claims. Return the number of messages.

    If the owners `died`, one of their messages may have killed them, so each message is then taken alone.
    """
    held: dict[str, Any] = {"owner": {"$in": list(owners)}}
    sessions = tolerant_collection(MESSAGES).distinct("session", {**held, "session": {"$type": "binData"}})
    kill_client_sessions([each for each in sessions if is_client_session(each)])
    freed = {"lock": clock.now()} | ({"alone": True} if died else {})
    released = quick_collection(MESSAGES).update_many(held, {"$set": freed, "$unset": RELEASED})
    return int(released.modified_count)
