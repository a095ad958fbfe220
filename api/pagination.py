"""Lists that are read one page at a time, by cursor."""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from bson import ObjectId
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import NotFound
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request

from config.errors import ProductError
from mongodb.documents import fetch

_UP_TO_999 = re.compile("[1-9][0-9]{0,2}")
_PLACE = re.compile("([0-9]{1,14}|none)-([0-9a-f]{24})")
_EPOCH = datetime.fromtimestamp(0, tz=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class InvalidCursor(ProductError):
    """The server did not issue this `cursor`."""

    code = "invalid_cursor"
    status = 400
    detail = _("The cursor is not valid.")


class InvalidPageSize(ProductError):
    """`page_size` is not a whole number from 1 to 200."""

    code = "invalid_page_size"
    status = 400
    detail = _("page_size must be a whole number from 1 to 200.")


class CursorPages(CursorPagination):
    """`{next, previous, results}`, one page at a time."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200
    # Tells whether a text can be a position in the order of the list.
    is_position: Callable[[str], object]

    def get_page_size(self, request: Request) -> int:
        """Return the page size that the query asks for, or the default. Raises InvalidPageSize."""
        asked = request.query_params.get("page_size")
        if asked is None:
            return self.page_size
        if not _UP_TO_999.fullmatch(asked) or int(asked) > self.max_page_size:
            raise InvalidPageSize
        return int(asked)

    def decode_cursor(self, request: Request) -> Any:
        """Return the cursor of the query, if any. Raises InvalidCursor."""
        try:
            cursor: Cursor | None = super().decode_cursor(request)
        except NotFound as error:
            raise InvalidCursor from error
        if cursor and not self.is_position(str(cursor.position)):
            raise InvalidCursor
        return cursor

    def get_paginated_response_schema(self, schema: Any) -> dict[str, Any]:
        """Return the schema of a page, for the OpenAPI document."""
        address = {"type": ["string", "null"], "format": "uri", "example": None}
        return {
            "type": "object",
            "required": ["next", "previous", "results"],
            "properties": {
                "next": {**address, "description": "The URL of the next page; null on the last page."},
                "previous": {**address, "description": "The URL of the previous page; null on the first page."},
                "results": schema,
            },
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """Return the parameters of a list, for the OpenAPI document."""
        del view
        size = {"type": "integer", "minimum": 1, "maximum": self.max_page_size, "default": self.page_size}
        return [
            {
                "in": "query",
                "name": "cursor",
                "description": "Where to continue. Take it from `next` or `previous`.",
                "schema": {"type": "string"},
            },
            {
                "in": "query",
                "name": "page_size",
                "description": "The largest number of rows to return.",
                "schema": size,
            },
        ]


@dataclass(frozen=True, slots=True)
class Place:
    """The place of a row in a list that is ordered by a moment, then by id.

    Its text is `{milliseconds}-{id}`, or `none-{id}` if the row does not have the moment.
    """

    moment: datetime | None
    pk: ObjectId

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the place that a cursor names. Raises InvalidCursor."""
        match = _PLACE.fullmatch(text)
        if match is None:
            raise InvalidCursor
        moment = None if match[1] == "none" else _EPOCH + int(match[1]) * _MILLISECOND
        return cls(moment, ObjectId(match[2]))

    def __str__(self) -> str:
        milliseconds = "none" if self.moment is None else (self.moment - _EPOCH) // _MILLISECOND
        return f"{milliseconds}-{self.pk}"


class PlacedPages(CursorPages, ABC):
    """Pages of rows that each have a place. A subclass reads the rows and returns their places.

    A cursor names the place of a row, not a number of rows. So if rows are added meanwhile, no other row is left out or
    returned twice.
    """

    @abstractmethod
    def read(self, source: Any, limit: int, *, is_backward: bool) -> list[Any]:
        """Return up to `limit` rows beyond the cursor, the nearest first.

        The cursor's offset says whether the row that the cursor names is included.
        """

    @abstractmethod
    def place_of(self, row: Any) -> object:
        """Return the row's place. The text of the place is the position in a cursor."""

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        """Return the rows of the page that the query asks for."""
        del view
        self.base_url = request.build_absolute_uri()
        self.cursor = self.decode_cursor(request)
        is_backward = bool(self.cursor and self.cursor.reverse)
        size = self.get_page_size(request)
        rows = self.read(queryset, size + 1, is_backward=is_backward)
        has_more = len(rows) > size
        self.page = rows[:size][::-1] if is_backward else rows[:size]
        self.has_next, self.has_previous = (True, has_more) if is_backward else (has_more, self.cursor is not None)
        return self.page

    def get_next_link(self) -> str | None:
        """Return the URL of the next page, or None if there is none."""
        return self._link(-1, is_backward=False) if self.has_next else None

    def get_previous_link(self) -> str | None:
        """Return the URL of the previous page, or None if there is none."""
        return self._link(0, is_backward=True) if self.has_previous else None

    def _link(self, row: int, *, is_backward: bool) -> str:
        position: Any
        if self.page:
            offset, position = 0, self.place_of(self.page[row])
        else:
            # No rows are left beyond the cursor, so the way back begins with the row that the cursor names.
            offset, position = 1, self.cursor and self.cursor.position
        return self.encode_cursor(Cursor(offset, is_backward, position))


class NewestFirst(PlacedPages):
    """Pages of rows in the order of a moment. Rows of the same millisecond are ordered by id.

    The query's `order` may choose from `orders`. Ids alone would not order rows by time, because ids that two processes
    make within the same second are in no order. In ascending order, rows without the moment come before all others, as
    in MongoDB's indexes.
    """

    # The fields that hold the moment, with a minus sign for descending order. The first is the default. A list with
    # several orders has a filter `order`, which checks the choice.
    orders: tuple[str, ...] = ("-created_at",)

    def paginate_queryset(self, queryset: QuerySet[Any], request: Request, view: Any = None) -> list[Any]:
        """Return the rows of the page that the query asks for."""
        self.order = request.query_params.get("order", self.orders[0])
        self.moment = self.order.removeprefix("-")
        # A cursor is valid for one order only.
        self.mark = "" if self.order == self.orders[0] else f"{self.order}:"
        return super().paginate_queryset(queryset, request, view)

    def read(self, source: QuerySet[Any], limit: int, *, is_backward: bool) -> list[Any]:
        """Return the rows beyond the cursor."""
        return self.rows_beyond(self.cursor, source, limit, is_backward=is_backward)

    def is_position(self, text: str) -> bool:
        """Tell whether the text can be a position in the current order."""
        return text.startswith(self.mark) and _PLACE.fullmatch(text.removeprefix(self.mark)) is not None

    def place_of(self, row: Any) -> str:
        """Return the row's moment and id, preceded by the order unless it is the default."""
        return f"{self.mark}{Place(getattr(row, self.moment), row.pk)}"

    def rows_beyond(
        self, cursor: Cursor | None, queryset: QuerySet[Any], limit: int, *, is_backward: bool
    ) -> list[Any]:
        """Return the rows beyond the cursor. Separate queries read the rows with the moment and those without."""
        descending = self.order.startswith("-") != is_backward
        sign = "-" if descending else ""
        has_gaps = queryset.model._meta.get_field(self.moment).null
        conditions = self._beyond(cursor, descending=descending, has_gaps=has_gaps) if cursor else [None]
        rows: list[Any] = []
        for condition in conditions:
            if len(rows) < limit:
                beyond = queryset if condition is None else queryset.filter(condition)
                found = beyond.order_by(f"{sign}{self.moment}", f"{sign}pk")
                rows += fetch(found[: limit - len(rows)])
        return rows

    def _beyond(self, cursor: Cursor, *, descending: bool, has_gaps: bool) -> list[Q]:
        """Return the conditions of the rows beyond the cursor.

        The cursor's offset says whether the row that the cursor names is included. The second term of `dated` alone
        would find the rows. The first term gives the index a bound, which an `OR` does not.
        """
        place, side = Place.parse(str(cursor.position).removeprefix(self.mark)), "lt" if descending else "gt"
        equals = Q((f"pk__{side}e" if cursor.offset else f"pk__{side}", place.pk))
        undated = Q((f"{self.moment}__isnull", True))
        if place.moment is None:
            return [undated & equals] if descending else [undated & equals, Q((f"{self.moment}__isnull", False))]
        others = Q((f"{self.moment}__{side}", place.moment))
        dated = Q((f"{self.moment}__{side}e", place.moment)) & (others | equals)
        return [dated, undated] if descending and has_gaps else [dated]
