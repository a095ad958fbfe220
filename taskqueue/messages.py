"""Queue messages: django-q's task packages in the collection `django_q_ormq`.

A message is `{key: queue, payload: signed package, lock: not before}`, ours also `name`, `subject` and `request_id`;
while a worker holds it `owner` and `session`, and `attempts` once it was claimed. django-q's admin page lists them.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, NamedTuple, cast
from uuid import uuid4

from bson import ObjectId
from django_q.models import OrmQ
from django_q.signals import pre_enqueue
from django_q.signing import SignedPackage

from mongodb.collections import collection
from mongodb.transactions import (
    collect_at_commit,
    in_transaction,
    insert_at_commit,
    moment_of_writing,
    run_in_transaction,
)
from taskqueue.queues import Queue

MESSAGES = OrmQ._meta.db_table
Primitive = str | int | bool | None
PRIMITIVES = (str, int, bool, type(None))
# The paths of the tasks that have at most one waiting message a subject.
ONE_A_SUBJECT: set[str] = set()
# A transaction that enqueues more messages than this to the queue `work` leaves it to a worker to create them.
MADE_AT_ONCE = 20


class TaskCall(NamedTuple):
    """A function, by its dotted path, that is to be called with arguments at a moment or later.

    The subject is a goal's id or "".
    """

    id: str
    path: str
    args: tuple[Primitive, ...]
    key: str
    subject: str
    not_before: datetime

    @property
    def name(self) -> str:
        """The name of the function."""
        return self.path.rpartition(".")[2]


def task_call(path: str, args: tuple[object, ...], *, key: str, subject: str, not_before: datetime) -> TaskCall:
    """Return the call. Raises TypeError for arguments other than str, int, bool and None."""
    if wrong := [argument for argument in args if not isinstance(argument, PRIMITIVES)]:
        raise TypeError(f"{path}: task arguments are str, int, bool or None, not {wrong!r}")
    return TaskCall(uuid4().hex, path, cast(tuple[Primitive, ...], args), key, subject, not_before)


def enqueue(asked: TaskCall) -> None:
    """Insert a message for the call: with the commit of the open transaction, or at once where there is none."""
    if in_transaction():
        collect_at_commit(_queue_at_commit, asked)
    else:
        put([message(asked)])


def queue_calls(encoded: str) -> int:
    """Insert the messages that a transaction has left to a worker. If it runs twice, most tasks are queued twice.

    A task that allows one waiting message a subject is left out if such a message exists, because that one is newer
    or comes from the first run.
    """
    calls = [
        left._replace(args=tuple(left.args), not_before=datetime.fromisoformat(str(left.not_before)))
        for left in map(TaskCall._make, json.loads(encoded))
    ]
    return run_in_transaction(partial(_queue_calls, calls))


def _queue_calls(calls: list[TaskCall]) -> int:
    waiting = _waiting([each.subject for each in calls if each.path in ONE_A_SUBJECT])
    wanted = [each for each in calls if each.path not in ONE_A_SUBJECT or (each.name, each.subject) not in waiting]
    put([message(each) for each in wanted])
    return len(wanted)


def _waiting(subjects: list[str]) -> set[tuple[str, str]]:
    """Return the names and subjects of the messages that wait for these subjects."""
    if not subjects:
        return set()
    found = collection(MESSAGES).find({"subject": {"$in": subjects}}, {"name": True, "subject": True})
    return {(entry["name"], entry["subject"]) for entry in found}


def message(asked: TaskCall) -> dict[str, Any]:
    """Return the document of a message that makes a `qcluster` run the call."""
    package: dict[str, Any] = {
        "id": asked.id,
        "name": asked.name,
        "func": asked.path,
        "args": asked.args,
        "kwargs": {},
        "group": asked.subject or None,
        "started": datetime.now(UTC),
    }
    pre_enqueue.send(sender="django_q", task=package)
    entry = document(SignedPackage.dumps(package), key=asked.key, not_before=asked.not_before)
    return {**entry, "name": package["name"], "subject": asked.subject, "request_id": package["request_id"]}


def _queue_at_commit(calls: list[TaskCall]) -> None:
    """Insert all messages of a transaction, or, if there are many, one message that makes a worker insert them.

    Otherwise creating messages would be half of the time that a batch of shows takes to start.
    """
    for_work = [each for each in calls if each.key == Queue.WORK.value]
    if len(for_work) > MADE_AT_ONCE:
        encoded = json.dumps(for_work, default=datetime.isoformat)
        now = moment_of_writing()
        making = task_call(f"{__name__}.queue_calls", (encoded,), key=Queue.WORK.value, subject="", not_before=now)
        calls = [making, *(each for each in calls if each.key != Queue.WORK.value)]
    put([message(each) for each in calls])


def document(payload: str, *, key: str, not_before: datetime) -> dict[str, Any]:
    """Return the document of a message. MongoDB cuts moments to milliseconds; `lock` is rounded up, so never early."""
    millisecond = timedelta(milliseconds=1)
    cut = not_before.replace(microsecond=not_before.microsecond // 1000 * 1000)
    return {"_id": ObjectId(), "key": key, "payload": payload, "lock": cut if cut == not_before else cut + millisecond}


def put(messages: Sequence[dict[str, Any]]) -> None:
    """Insert the messages: with the commit of the open transaction, or at once where there is none."""
    if messages and in_transaction():
        insert_at_commit(MESSAGES, *messages)
    elif messages:
        collection(MESSAGES).insert_many(messages)


def is_at_first_attempt(names: Sequence[str], subjects: Sequence[str]) -> bool:
    """Tell whether a task with such a name and subject waits for its first attempt, or is at it."""
    being_tried = {"attempts": 1, "owner": {"$type": "string"}}
    theirs = {"subject": {"$in": list(subjects)}, "name": {"$in": list(names)}}
    first = {"$or": [{"attempts": {"$exists": False}}, being_tried]}
    return collection(MESSAGES).find_one({**theirs, **first}, {"_id": True}) is not None
