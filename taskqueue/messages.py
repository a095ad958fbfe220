"""Queue messages: django-q's task packages in the collection `django_q_ormq`.

A message is `{key: queue, payload: signed package, lock: not before}`, ours also `name`, `subject` and `request_id`;
while a worker holds it `owner`, and `attempts` once it was claimed. django-q's admin page lists them.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from bson import ObjectId
from django_q.models import OrmQ
from django_q.signals import pre_enqueue
from django_q.signing import SignedPackage

from config.transactions import collection, in_transaction, insert_at_commit

MESSAGES = OrmQ._meta.db_table
Primitive = str | int | bool | None
PRIMITIVES = (str, int, bool, type(None))


def message(path: str, args: Sequence[object], *, key: str, subject: str, not_before: datetime) -> dict[str, Any]:
    """Return the document that makes a `qcluster` call the function at the path with the arguments.

    Arguments are str, int, bool and None only: a schedule or message with anything else can't be read
    back in every process. The subject (a goal's id) is django-q's `group`.
    """
    if wrong := [argument for argument in args if not isinstance(argument, PRIMITIVES)]:
        raise TypeError(f"{path}: task arguments are str, int, bool or None, not {wrong!r}")
    package: dict[str, Any] = {
        "id": uuid4().hex,
        "name": path.rpartition(".")[2],
        "func": path,
        "args": tuple(args),
        "kwargs": {},
        "group": subject or None,
        "started": datetime.now(UTC),
    }
    pre_enqueue.send(sender="django_q", task=package)
    entry = document(SignedPackage.dumps(package), key=key, not_before=not_before)
    return {**entry, "name": package["name"], "subject": subject, "request_id": package["request_id"]}


def document(payload: str, *, key: str, not_before: datetime) -> dict[str, Any]:
    """Return a message's document. `lock` is rounded up: MongoDB cuts to milliseconds, and early is wrong."""
    millisecond = timedelta(milliseconds=1)
    cut = not_before.replace(microsecond=not_before.microsecond // 1000 * 1000)
    return {"_id": ObjectId(), "key": key, "payload": payload, "lock": cut if cut == not_before else cut + millisecond}


def put(messages: Sequence[dict[str, Any]]) -> None:
    """Insert the messages: with the commit of the open transaction, or at once where there is none."""
    if in_transaction():
        insert_at_commit(MESSAGES, *messages)
    elif messages:
        collection(MESSAGES).insert_many(messages)
