"""Lists: newest first, one page at a time, by cursor."""

import re
from collections.abc import Callable
from typing import Any

from bson import ObjectId
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import NotFound
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request

from config.errors import ProductError

_UP_TO_999 = re.compile("[1-9][0-9]{0,2}")


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


class NewestFirst(CursorPagination):
    """`{next, previous, results}` in the order of `_id`, which grows with time."""

    ordering = "-pk"
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200
    # Tells whether a text can be a position in this order.
    is_position: Callable[[str], object] = staticmethod(ObjectId.is_valid)

    def get_page_size(self, request: Request) -> int:
        """Return the page size asked for. Raises InvalidPageSize."""
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
                "next": {**address, "description": "The whole address of the next page; null on the last one."},
                "previous": {**address, "description": "The whole address of the page before; null on the first one."},
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
                "description": "Where to go on: part of the addresses `next` and `previous`.",
                "schema": {"type": "string"},
            },
            {"in": "query", "name": "page_size", "description": "How many rows at most.", "schema": size},
        ]
