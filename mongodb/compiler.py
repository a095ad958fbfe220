"""Two fixes for the query compiler of django-mongodb-backend 5.2.4.

They can be removed when a release of the backend includes them.

1. The backend compiles `order_by("-pk")` to `{"$addFields": {"_id": "$_id"}}, {"$sort": {"_id": -1}}`. No index covers
   the computed field, so the server would read all rows and sort them in memory.
2. The backend applies `defer("breakdown")` only to the model. The server would still send the field, which takes 3 MB
   for 100,000 payers.

`TolerantCompiler` is not a fix. It reads rows that other programs may have written (`tolerant.py`).
"""

from collections.abc import Iterable
from functools import cached_property, partial
from typing import Any

from django.db.models import AutoField, CharField, DateTimeField, Field, IntegerField, TextField
from django.db.models.expressions import Col
from django_mongodb_backend import compiler
from django_mongodb_backend.compiler import (
    SQLAggregateCompiler,
    SQLDeleteCompiler,
    SQLInsertCompiler,
    SQLUpdateCompiler,
)
from django_mongodb_backend.query import MongoQuery

from mongodb.collections import tolerant_collection
from mongodb.tolerant import as_moment, as_number, as_text

__all__ = ["SQLAggregateCompiler", "SQLCompiler", "SQLDeleteCompiler", "SQLInsertCompiler", "SQLUpdateCompiler"]


class LeanQuery(MongoQuery):
    """A pipeline whose last stage drops the deferred fields.

    The stage comes last, so that indexes can serve the stages before it.
    """

    deferred: tuple[str, ...] = ()

    def get_pipeline(self) -> list[dict[str, Any]]:
        """Return the stages."""
        pipeline: list[dict[str, Any]] = super().get_pipeline()  # type: ignore[no-untyped-call]
        return [*pipeline, {"$unset": list(self.deferred)}] if self.deferred else pipeline


class SQLCompiler(compiler.SQLCompiler):
    """Compiles SELECTs."""

    query_class = LeanQuery

    def build_query(self, columns: Any = None) -> Any:
        """Return the query.

        If the query reads whole documents (`columns` is None), it adds no fields that they already have. It drops the
        deferred fields.
        """
        query = super().build_query(columns)  # type: ignore[no-untyped-call]
        if columns is None:
            query.extra_fields = self._without_own_columns(query.extra_fields)
            query.deferred = self._deferred_columns()
        return query

    def _without_own_columns(self, extra_fields: dict[str, Any] | None) -> dict[str, Any]:
        return {name: value for name, value in (extra_fields or {}).items() if value != f"${name}"}

    def _deferred_columns(self) -> tuple[str, ...]:
        names, _is_deferred = self.query.deferred_loading
        if not names:
            return ()
        loaded = {column.target.column for _name, column in self.columns if isinstance(column, Col)}
        return tuple(field.column for field in self.query.get_meta().concrete_fields if field.column not in loaded)


class TolerantCompiler(SQLCompiler):
    """Compiles SELECTs that can read odd values (`tolerant.py`)."""

    @cached_property
    def collection(self) -> Any:
        """The collection, opened by `tolerant_collection`."""
        return tolerant_collection(self.collection_name)

    def get_converters(self, expressions: Iterable[Any]) -> dict[int, Any]:
        """Return a converter for each column."""
        return {
            index: ([partial(_read, expression.output_field)], expression)
            for index, expression in enumerate(expressions)
            if expression
        }


def _read(field: "Field[Any, Any]", value: Any, _expression: object, _connection: object) -> Any:
    if isinstance(field, AutoField) or (value is None and field.null):
        return value
    if isinstance(field, CharField | TextField):
        return as_text(value)
    if isinstance(field, DateTimeField):
        return as_moment(value)
    return as_number(value) if isinstance(field, IntegerField) else value
