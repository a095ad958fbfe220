"""The admin's change lists. They accept `?lang=` in their URL. Long lists are sorted only as an index can sort them."""

from typing import Any

from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest


class InAnyLanguage(ChangeList):
    """A list that accepts `?lang=` in its URL (`api/middleware.py`), which Django would take for a filter."""

    def get_filters_params(self, params: Any = None) -> dict[str, Any]:
        """Return the filters among the parameters."""
        found: dict[str, Any] = super().get_filters_params(params)
        found.pop("lang", None)
        return found


class InIndexOrder(InAnyLanguage):
    """A list in its ModelAdmin's `ordering`. A request can reverse the order if `sortable_by` names the first field.

    Django would sort by any column that `?o=` names, and add the id to each order that is not total. MongoDB would then
    read and sort all rows for each page.
    """

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[Any]:
        """Return the order."""
        own = list(self.model_admin.get_ordering(request))
        asked = super().get_ordering(request, queryset) if self.sortable_by else own
        opposite = [_reversed(field) for field in own]
        return opposite if asked[:1] == opposite[:1] else own


def adapted(own: type[ChangeList], *, in_index_order: bool) -> type[ChangeList]:
    """Return a subclass of the change list that accepts `?lang=`, and keeps to index order if `in_index_order`."""
    return type(own.__name__, (InIndexOrder if in_index_order else InAnyLanguage, own), {})


def _reversed(field: str) -> str:
    return field.removeprefix("-") if field.startswith("-") else f"-{field}"
