"""Reads rows that a person or another program may have written, so that one odd row does not hide the others.

An odd value has another type than ours. It becomes text where ours is text, and is left out elsewhere.
"""

import math
from datetime import UTC, datetime
from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from django.db.models.sql import Query

Row = TypeVar("Row", bound=Model)


class TolerantQuery(Query):
    """A query that `mongodb.compiler.TolerantCompiler` compiles."""

    compiler = "TolerantCompiler"


def tolerant(rows: "QuerySet[Row]") -> "QuerySet[Row]":
    """Return the query set, changed so that it can read odd rows, too."""
    rows.query = rows.query.chain(TolerantQuery)
    return rows


def as_text(value: Any) -> str:
    """Return the text, or the text form of an odd value. BSON's code, too, is a kind of `str`."""
    if value is None:
        return ""
    return value if type(value) is str else str(value)


def as_number(value: Any) -> int | None:
    """Return the whole number, or None."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return int(value) if is_number else None


def as_moment(value: Any) -> datetime | None:
    """Return the moment, or None. `tolerant_collection` reads one that Python can't hold as DatetimeMS."""
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else None
