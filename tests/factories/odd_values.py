"""Values of all types that MongoDB stores, for rows that a person or another program has written."""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from bson import Binary, Code, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp, encode
from bson.datetime_ms import DatetimeMS
from bson.raw_bson import RawBSONDocument
from pymongo.errors import WriteError

from mongodb.collections import tolerant_collection

# `stored_as` turns this into text that is not UTF-8. MongoDB stores such text, but PyMongo can't write it.
NO_UTF8 = "odd\ufffd"
PAST = datetime(2020, 1, 1, tzinfo=UTC)
ODD_VALUES: tuple[Any, ...] = (
    *(None, True, False, -5, 2**31, Int64(2**63 - 1), 1.5, float("nan"), float("inf"), float("-inf")),
    *(Decimal128("1"), Decimal128("NaN"), "", "odd", "1", "a|b|c|d|e", "x" * 5000, "[" * 5000, "\0", ":"),
    *({}, {"a": {"b": []}}, {":": 1}, [], [None], [5], ["odd", 5], [{}], [[PAST]], [PAST], [PAST, "odd"], [":"]),
    *(NO_UTF8, {"a": NO_UTF8}, [NO_UTF8], ["odd", NO_UTF8], Code(NO_UTF8), Regex(NO_UTF8)),
    *(Binary(b"odd"), Binary.from_uuid(UUID(int=7)), ObjectId(), Regex("odd"), Code("odd"), Timestamp(1, 1)),
    *(PAST, DatetimeMS(-(2**63)), DatetimeMS(-(10**15)), DatetimeMS(10**15), DatetimeMS(2**63 - 1)),
    *(MinKey(), MaxKey()),
)


def stored_as(row: dict[str, Any]) -> RawBSONDocument:
    """Return the row in the form in which it is inserted, with each NO_UTF8 as text that is not UTF-8."""
    return RawBSONDocument(encode(row).replace(NO_UTF8.encode(), b"odd\xff\xff\xff"))


def put(name: str, row: dict[str, Any]) -> None:
    """Store the row, unless MongoDB refuses it as a duplicate or because of the type of its `_id`."""
    with suppress(WriteError):
        tolerant_collection(name).insert_one(stored_as(row))
