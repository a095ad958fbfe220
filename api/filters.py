"""Filters of lists, made with django-filter.

Unknown parameters are refused, because otherwise a query with a misspelt filter would return every row.
"""

import re
from datetime import UTC, datetime
from functools import cache
from typing import Any

from bson import ObjectId
from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from django_filters.rest_framework import BaseCSVFilter, DjangoFilterBackend, Filter
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.fields import get_error_detail
from rest_framework.request import Request
from rest_framework.serializers import CharField

from api.fields import ID_LENGTH

# Parameters of every list.
EVERYWHERE = frozenset({"lang", "cursor", "page_size"})
_SECONDS = re.compile("[0-9]{1,11}")


class IdFormField(forms.Field):
    """An id in a query: 24 hex digits, in lower case after cleaning."""

    default_error_messages = {"invalid_id": _("Must be an id of 24 hex digits.")}

    def to_python(self, value: Any) -> str:
        """Return the canonical id."""
        if not value:
            return ""
        if len(value) != ID_LENGTH or not ObjectId.is_valid(value):
            raise forms.ValidationError(self.error_messages["invalid_id"], "invalid_id")
        return str(value).lower()


class IdFilter(Filter):
    """Keeps the rows that have the id."""

    field_class = IdFormField


class SecondsFormField(forms.Field):
    """A moment in a query, as Unix seconds; its cleaned value is a datetime."""

    default_error_messages = {"invalid_seconds": _("Must be a moment in Unix seconds.")}

    def to_python(self, value: Any) -> datetime | None:
        """Return the moment, or None for an empty value. Refuse milliseconds, which have 13 digits."""
        if not value:
            return None
        if not _SECONDS.fullmatch(value):
            raise forms.ValidationError(self.error_messages["invalid_seconds"], "invalid_seconds")
        return datetime.fromtimestamp(int(value), tz=UTC)


class SecondsFilter(Filter):
    """Compares a field of type datetime with Unix seconds."""

    field_class = SecondsFormField


class StrictFilters(DjangoFilterBackend):
    """Applies the view's `filterset_class`, if any, to a list. Raises ValidationError with the wrong parameters.

    django-filter's own backend would copy all filters and make a form for each request. That takes longer than the
    query.
    """

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> QuerySet[Any]:
        """Return the rows that match the query's filters."""
        filters = _filters_of(view)
        for name, value in asked_filters(request, view).items():
            queryset = filters[name].filter(queryset, value)
        return queryset


def asked_filters(request: Request, view: Any) -> dict[str, Any]:
    """Return the values of the filters that the query names. Raises ValidationError."""
    filters, query = _filters_of(view), request.query_params
    errors = _unknown(request, filters) | _blank(request, filters)
    values = {}
    for name in (name for name in filters if name in query):
        field: forms.Field = filters[name].field
        try:
            values[name] = field.clean(field.widget.value_from_datadict(query, {}, name))
        except forms.ValidationError as error:
            errors[name] = get_error_detail(error)
    if errors:
        raise ValidationError(errors)
    return values


def _filters_of(view: Any) -> dict[str, Filter]:
    filterset_class = getattr(view, "filterset_class", None)
    return _shared_filters(filterset_class, view.queryset.model) if filterset_class else {}


@cache
def _shared_filters(filterset_class: Any, model: Any) -> dict[str, Filter]:
    """Return the filters of one instance of the filter set. All requests share them."""
    filters: dict[str, Filter] = filterset_class(queryset=model._default_manager.none()).filters  # noqa: SLF001 - Django's documented API
    return filters


def _unknown(request: Request, filters: dict[str, Any]) -> dict[str, list[ErrorDetail]]:
    unknown = ErrorDetail(str(_("This parameter is not known.")), "unknown_parameter")
    return {name: [unknown] for name in request.query_params if name not in filters and name not in EVERYWHERE}


def _blank(request: Request, filters: dict[str, Any]) -> dict[str, list[ErrorDetail]]:
    """Return an error for each filter without a value, which django-filter would ignore, or with an empty list item."""
    blank = ErrorDetail(str(CharField.default_error_messages["blank"]), "blank")
    query = request.query_params
    return {name: [blank] for name in filters if name in query and "" in _values(query[name], filters[name])}


def _values(text: str, one: Filter) -> list[str]:
    return text.split(",") if isinstance(one, BaseCSVFilter) else [text]
