"""The parts of a database: its collections with their options and indexes, and its views."""

from dataclasses import dataclass
from typing import Any

from mongodb.collections import Document, connection
from mongodb.pending import APPLIED
from ops.backup.errors import BackupFailed
from ops.doctor import PROBES

SYSTEM = "system."


@dataclass(frozen=True, slots=True)
class Stored:
    """A collection. `uuid` distinguishes it from an earlier collection of the same name.

    `indexes` leaves out the index on `_id`.
    """

    name: str
    uuid: Any
    options: Document
    indexes: list[Document]


@dataclass(frozen=True, slots=True)
class Catalog:
    """The collections, of which the collection of migrations is the last, and the names and options of the views."""

    collections: list[Stored]
    views: list[Document]


def read_catalog() -> Catalog:
    """Return the present collections and views. Raises BackupFailed if there is anything else, such as time series."""
    database = connection.database
    found = [each for each in database.list_collections() if not _is_passing(each["name"])]
    if unknown := {each["type"] for each in found} - {"collection", "view"}:
        raise BackupFailed(f"The backup does not know collections of the type {', '.join(sorted(unknown))}.")
    collections = [
        Stored(each["name"], each["info"]["uuid"], each["options"], _indexes(each["name"]))
        for each in sorted(found, key=_migrations_last)
        if each["type"] == "collection"
    ]
    views = [{"name": each["name"], "options": each["options"]} for each in found if each["type"] == "view"]
    return Catalog(collections, sorted(views, key=lambda view: str(view["name"])))


def is_empty() -> bool:
    """Tell whether the database has no collections except MongoDB's own."""
    return all(name.startswith(SYSTEM) for name in connection.database.list_collection_names())


def _is_passing(name: str) -> bool:
    return name.startswith(SYSTEM) or name == PROBES


def _migrations_last(each: Any) -> tuple[bool, str]:
    """Return a sort key that puts the migrations last: until they are restored, no qcluster works with the database."""
    return each["name"] == APPLIED, each["name"]


def _indexes(name: str) -> list[Document]:
    indexes = (dict(index) for index in connection.database[name].list_indexes())
    return [{key: value for key, value in index.items() if key != "ns"} for index in indexes if index["name"] != "_id_"]
