"""Lists whose order an index has, whatever their address asks for."""

from typing import Any

from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest


class InIndexOrder(ChangeList):
    """A list in the order of its page, or in the reverse order if its first field is one of `sortable_by`.

    Django would obey `?o=` for each column, and add the id to each order that is not total. MongoDB would then read
    and sort all rows for each page.
    """

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[Any]:
        """Return the order."""
        own = list(self.model_admin.get_ordering(request))
        asked = super().get_ordering(request, queryset) if self.sortable_by else own
        opposite = [_reversed(field) for field in own]
        return opposite if asked[:1] == opposite[:1] else own


def in_index_order(own: type[ChangeList]) -> type[ChangeList]:
    """Return the list with an order that an index has."""
    return type(own.__name__, (InIndexOrder, own), {})


def _reversed(field: str) -> str:
    return field.removeprefix("-") if field.startswith("-") else f"-{field}"
