"""The results of tasks, in django-q's collection `django_q_task`, which its admin pages and `fetch` read.

A document is `{id, name, func, args, kwargs, result, group, cluster, started, stopped, success, attempt_count, hook}`;
`args`, `kwargs` and `result` are JSON. An earlier release stored them as serialized Python objects. Such objects are
shown as text and never loaded: anybody who can write a row could otherwise run code in our processes.
"""

import json
from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _
from django_q.models import Task as Result
from pymongo.errors import BulkWriteError, DuplicateKeyError

from config.errors import ProductError
from mongodb.collections import Document, collection, quick_collection
from mongodb.failures import is_duplicate
from taskqueue.messages import PRIMITIVES, Primitive
from taskqueue.packages import Task

RESULTS = Result._meta.db_table
_COPIED = ("id", "name", "group", "cluster", "started", "stopped", "success")
SHOWN_CHARACTERS = 200


class UnreadableArguments(ProductError):
    """A stored task has no arguments that it could be called with."""

    code = "unreadable_arguments"


def keep_successes(tasks: Sequence[Task]) -> None:
    """Store successes in one insert. A stored success stays, and a stored failure is replaced.

    Only one server acknowledges the insert. The messages are deleted afterwards, and that deletion waits for a majority
    of the servers. By then, the majority also has the insert.
    """
    documents = [_document(task) for task in tasks]
    try:
        quick_collection(RESULTS).insert_many(documents, ordered=False)
    except BulkWriteError as error:
        if not is_duplicate(error):
            raise
        for each in error.details["writeErrors"]:
            _replace_failure(documents[each["index"]])


def keep_failure(task: Task) -> None:
    """Store a task's last failure. A stored success is not replaced."""
    document = _document(task)
    try:
        collection(RESULTS).insert_one(document)
    except DuplicateKeyError:
        _replace_failure(document)


def arguments(text: object) -> tuple[Primitive, ...]:
    """Return the stored arguments of a task. Raises UnreadableArguments."""
    try:
        found = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        found = None
    if isinstance(found, list) and all(isinstance(each, PRIMITIVES) for each in found):
        return tuple(found)
    raise UnreadableArguments(_("its arguments were stored by an earlier release"))


def shown(text: object) -> str:
    """Return a stored value as people read it: text as it is, other values as JSON, and "" for None.

    What an earlier release stored is cut to SHOWN_CHARACTERS, after a note that says so.
    """
    if not isinstance(text, str):
        return "" if text is None else repr(text)
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return _("stored by an earlier release: %(text)s") % {"text": text[:SHOWN_CHARACTERS]}
    return without_halves(found) if isinstance(found, str) else text


def without_halves(text: str) -> str:
    """Return the text with `?` in place of lone surrogates, which JSON can contain, but pages can't."""
    return text.encode("utf-8", "replace").decode()


def _replace_failure(document: Document) -> None:
    changed: Document = {name: value for name, value in document.items() if name != "_id"}
    collection(RESULTS).update_one({"id": document["id"], "success": False}, {"$set": changed})


def _document(task: Task) -> Document:
    return {
        **{name: task.get(name) for name in _COPIED},
        "func": str(task["func"]),
        "hook": None,
        "args": _text(task["args"]),
        "kwargs": _text(task.get("kwargs", {})),
        "result": _text(task.get("result")),
        "attempt_count": task.get("attempt", 1),
    }


def _text(value: Any) -> str:
    return json.dumps(value, default=str)
