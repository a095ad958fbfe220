"""The rows selected for an admin action, limited to as many as one request can handle before it times out."""

from typing import Any

from django.contrib.admin import ModelAdmin
from django.contrib.messages import ERROR
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

# A page shows no more rows than this. An action that times out would stop half done, and nobody would know which rows
# are done.
MOST_AT_ONCE = 50
TOO_MANY = _("This can be done for at most %(most)s rows at once. Nothing was done.")


def chosen(
    page: ModelAdmin[Any], request: HttpRequest, queryset: QuerySet[Any], *, most: int = MOST_AT_ONCE
) -> list[Any]:
    """Return the selected rows. If there are more than `most`, show an error message and return an empty list."""
    rows = list(queryset[: most + 1])
    if len(rows) <= most:
        return rows
    page.message_user(request, TOO_MANY % {"most": most}, ERROR)
    return []
