"""Filters of lists, by django-filter. Unknown names are refused, because a typing error would return everything."""

import re
from datetime import UTC, datetime
from typing import Any

from bson import ObjectId
from django import forms
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _
from django_filters.rest_framework import BaseCSVFilter, DjangoFilterBackend, Filter, FilterSet
from django_filters.utils import translate_validation
from rest_framework.exceptions import ErrorDetail, ValidationError
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
        """Return the moment. Milliseconds of today have 13 digits."""
        if not value:
            return None
        if not _SECONDS.fullmatch(value):
            raise forms.ValidationError(self.error_messages["invalid_seconds"], "invalid_seconds")
        return datetime.fromtimestamp(int(value), tz=UTC)


class SecondsFilter(Filter):
    """Compares a moment of the rows with Unix seconds."""

    field_class = SecondsFormField


_forms: dict[tuple[Any, ...], type[forms.Form]] = {}


class NamedFilters(FilterSet):
    """A filterset that makes only the filters that the query names, because making all takes most of a list's time."""

    base_filters: dict[str, Filter]

    def __init__(self, data: QueryDict, *args: Any, **kwargs: Any) -> None:
        self.base_filters = {name: each for name, each in type(self).base_filters.items() if name in data}
        super().__init__(data, *args, **kwargs)

    def get_form_class(self) -> type[forms.Form]:
        """Return the class of the form, which all requests share that name the same filters."""
        key = type(self), *self.filters
        if key not in _forms:
            _forms[key] = super().get_form_class()
        return _forms[key]


class StrictFilters(DjangoFilterBackend):
    """Applies the view's `filterset_class`, if it has one, to a list. Raises ValidationError naming the parameters."""

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> QuerySet[Any]:
        """Return the rows for which the query asks."""
        filterset = self.checked(request, queryset, view)
        return filterset.qs if filterset else queryset

    def checked(self, request: Request, queryset: QuerySet[Any], view: Any) -> Any:
        """Return the view's filters with the values of the query, or None if it has no filters."""
        filterset = self.get_filterset(request, queryset, view)
        filters = type(filterset).base_filters if filterset else {}
        errors = _unknown(request, filters) | _blank(request, filters)
        if filterset and not filterset.is_valid():
            errors |= translate_validation(filterset.errors).detail
        if errors:
            raise ValidationError(errors)
        return filterset


def _unknown(request: Request, filters: dict[str, Any]) -> dict[str, list[ErrorDetail]]:
    unknown = ErrorDetail(str(_("This parameter is not known.")), "unknown_parameter")
    return {name: [unknown] for name in request.query_params if name not in filters and name not in EVERYWHERE}


def _blank(request: Request, filters: dict[str, Any]) -> dict[str, list[ErrorDetail]]:
    """Find filters without a value, for which django-filter would return everything, and empty values in a list."""
    blank = ErrorDetail(str(CharField.default_error_messages["blank"]), "blank")
    query = request.query_params
    return {name: [blank] for name in filters if name in query and "" in _values(query[name], filters[name])}


def _values(text: str, one: Filter) -> list[str]:
    return text.split(",") if isinstance(one, BaseCSVFilter) else [text]
