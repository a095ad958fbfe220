"""pymongo's collections, for what the ORM can't express."""

from functools import partial
from typing import Any, cast

from bson.codec_options import DatetimeConversion
from django.db import connection as django_connection
from django_mongodb_backend.base import DatabaseWrapper
from pymongo.write_concern import WriteConcern

connection = cast(DatabaseWrapper, django_connection)
Document = dict[str, Any]


def collection(name: str) -> Any:
    """Return the pymongo collection. Each call takes part in the open transaction, if there is one."""
    return _Collection(name)


def quick_collection(name: str) -> Any:
    """Return the pymongo collection, for writes outside transactions. Only one server acknowledges these writes.

    Use it for claims, releases and heartbeats: if the server fails and a write is lost, the write is simply repeated.
    These writes do not wait for the majority of the servers. After an election, the majority may acknowledge nothing
    for some seconds.
    """
    return connection.get_collection(name, write_concern=WriteConcern(w=1))


def tolerant_collection(name: str) -> Any:
    """Return the pymongo collection, for reading rows that other programs may have written.

    A moment that Python can't hold is read as DatetimeMS. Text that is not UTF-8 is read with replacement characters.
    By default, reading such a row raises an error, and the rows after it can't be read either.
    """
    usual = connection.get_collection(name).codec_options
    return _Collection(
        name,
        codec_options=usual.with_options(
            datetime_conversion=DatetimeConversion.DATETIME_AUTO, unicode_decode_error_handler="replace"
        ),
    )


class _Collection:
    """A collection whose calls take part in the open transaction. It passes the client session to each call."""

    def __init__(self, name: str, **options: Any) -> None:
        self._collection = connection.get_collection(name, **options)

    def __getattr__(self, method: str) -> Any:
        return partial(getattr(self._collection, method), session=connection.session)
