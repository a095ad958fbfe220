"""Makes model instances from documents that pymongo returns.

Use this module for findAndModify, which Django doesn't offer, and on hot paths. Django takes 1 to 2 ms to compile a
query, and the backend looks up the converters of each embedded field anew for each document.
"""

from collections.abc import Callable, Collection, Mapping
from functools import cache, partial
from typing import Any, Self, TypeVar

from bson import ObjectId
from django.core.exceptions import EmptyResultSet, FullResultSet
from django.db import DEFAULT_DB_ALIAS, IntegrityError, connections
from django.db.models import Field, Model, QuerySet
from django.db.models.base import ModelState
from django_mongodb_backend.fields import EmbeddedModelArrayField, EmbeddedModelField
from pymongo.errors import DuplicateKeyError

from config import clock
from mongodb.collections import Document, collection

M = TypeVar("M", bound=Model)
Convert = Callable[[Any], Any]


class LoadedDirectly:
    """A mixin for models that are read often. Its `from_db` takes half as long as Django's.

    Django's `from_db` calls `__init__`, which applies defaults and sends `pre_init` and `post_init`. This one only sets
    the values.
    """

    @classmethod
    def from_db(cls, db: str | None, field_names: Collection[str], values: Collection[Any]) -> Self:
        """Return the instance that Django's `from_db` would return. Fields without a value are deferred."""
        loaded = cls.__new__(cls)
        state = ModelState()
        state.adding, state.db = False, db
        loaded.__dict__.update(zip(field_names, values, strict=True), _state=state)
        return loaded


def find(model: type[M], condition: Document, *, deferred: Collection[str] = ()) -> list[M]:
    """Return the instances that match a MongoDB condition, as the model's query would.

    The query takes part in the open transaction, if there is one.
    """
    documents = collection(model._meta.db_table).find(condition, without(deferred))
    return [instance(model, document, deferred=deferred) for document in documents]


def fetch(queryset: QuerySet[M]) -> list[M]:
    """Return what iterating over the queryset would return, in a fifth of the time.

    The queryset may have conditions on fields of the model, an ordering by fields, deferred fields, and a limit. It
    must have no joins, annotations or offset.
    """
    model: type[M] = queryset.model
    query: Any = queryset.query  # the stubs don't know the backend's methods
    try:
        condition = query.where.as_mql(query.get_compiler(DEFAULT_DB_ALIAS), connections[DEFAULT_DB_ALIAS])
    except EmptyResultSet:
        return []
    except FullResultSet:
        condition = {}
    deferred, _is_deferred = query.deferred_loading
    names = query.order_by or (query.default_ordering and model._meta.ordering) or ()
    order = [_direction(model, name) for name in names] or None
    limit = query.high_mark or 0
    documents = collection(model._meta.db_table).find(condition, without(deferred), sort=order, limit=limit)
    return [instance(model, document, deferred=deferred) for document in documents]


def insert(new: Model) -> None:
    """Insert a new instance, as `save(force_insert=True)` would. Raises IntegrityError for a duplicate."""
    connection = connections[DEFAULT_DB_ALIAS]
    new.pk = new.pk or new_id()
    fields = new._meta.concrete_fields
    document = {each.column: each.get_db_prep_save(each.pre_save(new, add=True), connection) for each in fields}
    try:
        collection(new._meta.db_table).insert_one(document)
    except DuplicateKeyError as error:
        raise IntegrityError from error
    state = new._state  # noqa: SLF001 - Django's documented API
    state.adding, state.db = False, DEFAULT_DB_ALIAS


def new_id() -> ObjectId:
    """Return a new id. It contains the current second of the product's clock."""
    made = ObjectId()
    return made if clock.is_host_right() else ObjectId(int(clock.timestamp()).to_bytes(4, "big") + made.binary[4:])


def without(deferred: Collection[str]) -> dict[str, bool] | None:
    """Return the projection that leaves these fields out, or None if there are none."""
    return dict.fromkeys(deferred, False) or None


def instance(model: type[M], document: Mapping[str, Any], *, deferred: Collection[str] = ()) -> M:
    """Return the instance that the model's query would make of the document.

    Fields that the document lacks are null, unless they are deferred.
    """
    names, values = [], []
    for name, column, convert in _fields(model):
        if name not in deferred:
            names.append(name)
            value = document.get(column)
            values.append(value if value is None or convert is None else convert(value))
    return model.from_db(DEFAULT_DB_ALIAS, names, values)


def _direction(model: type[Model], name: str) -> tuple[str, int]:
    """Return the stored name of the field, and MongoDB's direction, for a part of an ordering such as `-pk`."""
    sign, plain = (-1, name[1:]) if name.startswith("-") else (1, name)
    field: Any = model._meta.pk if plain == "pk" else model._meta.get_field(plain)
    return field.column, sign


@cache
def _fields(model: type[Model]) -> list[tuple[str, str, Convert | None]]:
    """Return for each field its name, its stored name, and the function that converts its stored value."""
    return [(field.attname, field.column, _converter(field)) for field in model._meta.concrete_fields]


def _converter(field: "Field[Any, Any]") -> Convert | None:
    if isinstance(field, EmbeddedModelArrayField):
        convert = partial(instance, field.base_field.embedded_model)
        return lambda stored: [convert(each) for each in stored]
    if isinstance(field, EmbeddedModelField):
        return partial(instance, field.embedded_model)
    connection = connections[DEFAULT_DB_ALIAS]
    column = field.get_col(field.model._meta.db_table)
    converters = connection.ops.get_db_converters(column) + column.get_db_converters(connection)
    if len(converters) == 1:
        return partial(converters[0], expression=column, connection=connection)
    return partial(_apply, converters, column, connection) if converters else None


def _apply(converters: list[Callable[..., Any]], column: object, connection: object, value: Any) -> Any:
    for convert in converters:
        value = convert(value, column, connection)
    return value
