"""The raw collections, for what the ORM can't say. Calls take part in the open transaction, if there is one."""

from functools import partial
from typing import Any, cast

from django.db import connection as django_connection
from django_mongodb_backend.base import DatabaseWrapper
from pymongo.write_concern import WriteConcern

connection = cast(DatabaseWrapper, django_connection)
Document = dict[str, Any]


def collection(name: str) -> Any:
    """Return the pymongo collection. Each call takes part in the open transaction, if there is one."""
    return _Collection(name)


def quick_collection(name: str) -> Any:
    """Return the pymongo collection, outside any transaction; one server acknowledges its writes.

    For writes that may be lost with that server, because they would only be done again: claims, releases, heartbeats.
    After the election of a primary, some seconds may pass until the majority acknowledges writes again.
    """
    return connection.get_collection(name, write_concern=WriteConcern(w=1))


class _Collection:
    """A collection that adds the client session of the open transaction. A call without it would take no part in it."""

    def __init__(self, name: str) -> None:
        self._collection = connection.get_collection(name)

    def __getattr__(self, method: str) -> Any:
        return partial(getattr(self._collection, method), session=connection.session)
