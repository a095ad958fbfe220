"""Reads the documents of the database as they are stored."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bson import ObjectId
from django.db import connection as django_connection

from taskqueue.packages import unpack

# The migrations, not requests, fill these collections.
FIXED = frozenset({"django_migrations", "django_content_type", "auth_permission"})

Document = dict[str, Any]
connection: Any = django_connection


@dataclass(frozen=True)
class QueuedMessage:
    """A message of the task queue: the call, its goal, and the time from which it may run."""

    func: str
    args: tuple[str | int | bool | None, ...]
    group: str | None
    lock: datetime


def stored(collection: str, **condition: Any) -> list[Document]:
    """Return the documents, oldest first."""
    return list(connection.get_collection(collection).find(condition).sort("_id", 1))


def stored_one(collection: str, document_id: ObjectId | str) -> Document:
    """Return the document with the id."""
    document: Document = connection.get_collection(collection).find_one({"_id": ObjectId(document_id)})
    return document


def timeline(goal_id: object) -> list[Document]:
    """Return the rows of the goal's timeline, as the API reads them."""
    return list(connection.get_collection("timeline_rows").find({"goal_id": str(goal_id)}).sort("seq", 1))


def everything_stored() -> dict[str, list[Document]]:
    """Return all documents by collection, oldest first. One query reads them all, because many tests do this twice."""
    names = connection.database.list_collection_names(filter={"type": "collection"})
    found: dict[str, list[Document]] = {
        name: [] for name in sorted(names) if name not in FIXED and not name.startswith("system.")
    }
    pipeline: list[Document] = [{"$documents": []}]
    for name in found:
        rows = [{"$sort": {"_id": 1}}, {"$replaceWith": {"name": {"$literal": name}, "document": "$$ROOT"}}]
        pipeline.append({"$unionWith": {"coll": name, "pipeline": rows}})
    for row in connection.database.aggregate(pipeline):
        found[row["name"]].append(row["document"])
    return found


def queued_messages(name: str | None = None) -> list[QueuedMessage]:
    """Return the waiting messages, or only those of the named task, in the order of insertion."""
    messages = []
    for document in stored("django_q_ormq"):
        package = unpack(document["payload"])
        if name in (None, package["name"]):
            messages.append(QueuedMessage(package["func"], package["args"], package["group"], document["lock"]))
    return messages
