"""Reads rows that a person or another program may have written, so that one odd row does not hide the others.

An odd value has a type that does not fit its field. In a text field it becomes text. In a field of numbers or dates it
becomes None.
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
    """Change the query set so that it can read odd rows, and return it."""
    rows.query = rows.query.chain(TolerantQuery)
    return rows


def as_text(value: Any) -> str:
    """Return the text, "" for None, or an odd value as text.

    `bson.Code` counts as odd, although it is a subclass of `str`.
    """
    if value is None:
        return ""
    return value if type(value) is str else str(value)


def as_number(value: Any) -> int | None:
    """Return the number without its fraction, or None for any other value."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return int(value) if is_number else None


def as_moment(value: Any) -> datetime | None:
    """Return the moment, or None for any other value, such as the DatetimeMS of a moment that Python can't hold."""
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else None
