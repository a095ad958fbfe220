"""Queue messages: django-q's task packages in the collection `django_q_ormq`.

A message is `{key: lane, payload: signed package, lock: not before}`; see `packages.py`. The messages of durable tasks
also have `name`, `subject`, `request_id` and, if it is not 1, `weight`. While a worker holds a message, it has `owner`,
`session` and `epoch`. It has `attempts` after its first claim, and `alone` if a worker has died while it held the
message, or if the message's batch took too long.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import uuid4

from bson import ObjectId
from django_q.conf import Conf
from django_q.models import OrmQ
from django_q.signals import pre_enqueue

from config import clock
from mongodb.collections import Document, collection, connection, tolerant_collection
from mongodb.transactions import collect_at_commit, in_transaction, insert_at_commit, moment_of_writing
from taskqueue import bells
from taskqueue.packages import Task, pack
from taskqueue.queues import Queue

MESSAGES = OrmQ._meta.db_table
# The suffix of the key of messages that were set aside (`aside.py`).
UNREADABLE = "-unreadable"
# Unsets the fields of a claim.
RELEASED = {"owner": "", "session": "", "epoch": ""}
Primitive = str | int | bool | None
PRIMITIVES = (str, int, bool, type(None))
# A bell is rung for a message that is due within this time.
SOON = timedelta(seconds=Conf.POLL)


def message(
    path: str,
    args: tuple[object, ...],
    *,
    key: str,
    not_before: datetime,
    subject: str = "",
    weight: int = 1,
    save: bool = True,
) -> Document:
    """Return the document of a message that makes a `qcluster` call the function at the dotted path.

    If `save` (an option of django-q's) is false, the success of the task is noted neither as a result nor on a
    timeline. Raises TypeError for arguments other than str, int, bool and None.
    """
    if wrong := [argument for argument in args if not isinstance(argument, PRIMITIVES)]:
        raise TypeError(f"{path}: task arguments are str, int, bool or None, not {wrong!r}")
    package: Task = {
        "id": uuid4().hex,
        "name": path.rpartition(".")[2],
        "func": path,
        "args": args,
        "group": subject or None,
        "started": clock.now(),
    }
    if not save:
        package["save"] = False
    pre_enqueue.send(sender="django_q", task=package)
    entry = document(pack(package), key=key, not_before=not_before)
    entry |= {"name": package["name"], "subject": subject, "request_id": package["request_id"]}
    return entry if weight == 1 else entry | {"weight": weight}


def document(payload: str, *, key: str, not_before: datetime) -> Document:
    """Return the document of a message.

    MongoDB cuts moments to milliseconds; `lock` is rounded up, so it is never early.
    """
    lock = _cut(not_before)
    if lock < not_before:
        lock += timedelta(milliseconds=1)
    return {"_id": ObjectId(), "key": key, "payload": payload, "lock": lock}


def due_at_once() -> datetime:
    """Return the `not_before` of a message that may be claimed once it is visible.

    It is rounded down, so it is not late.
    """
    return _cut(moment_of_writing())


def put(entry: Document) -> None:
    """Insert the message with the commit of the open transaction, or at once if none is open."""
    is_due_soon = entry["lock"] <= clock.now() + SOON
    if in_transaction():
        insert_at_commit(MESSAGES, entry)
        if is_due_soon:
            collect_at_commit(_ring_after_commit, entry["key"])
    else:
        collection(MESSAGES).insert_one(entry)
        if is_due_soon:
            bells.ring([entry["key"]])


def is_at_first_attempt(names: Sequence[str], subjects: Sequence[str], *, besides: Sequence[ObjectId]) -> bool:
    """Tell whether the first attempt of a task with one of the names and subjects is still to come, or is under way.

    Messages with one of the ids `besides` don't count.
    """
    being_tried = {"attempts": 1, "owner": {"$type": "string"}}
    theirs = {"subject": {"$in": list(subjects)}, "name": {"$in": list(names)}, "_id": {"$nin": list(besides)}}
    first = {"key": {"$in": [lane.value for lane in Queue]}, "$or": [{"attempts": {"$exists": False}}, being_tried]}
    return tolerant_collection(MESSAGES).find_one({**theirs, **first}, {"_id": True}) is not None


def _cut(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _ring_after_commit(keys: list[str]) -> None:
    connection.on_commit(lambda: bells.ring(keys), robust=True)
