"""The rows that an action of the admin is for: no more than one request can do in its time."""

from typing import Any

from django.contrib.admin import ModelAdmin
from django.contrib.messages import ERROR
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

# As many as a page shows. An action that ran out of time would stop half done, and nobody would know where.
MOST_AT_ONCE = 50
TOO_MANY = _("This can be done for at most %(most)s rows at once. Nothing was done.")


def chosen(page: ModelAdmin[Any], request: HttpRequest, queryset: QuerySet[Any]) -> list[Any]:
    """Return the chosen rows. If they are too many, say so, and return none."""
    rows = list(queryset[: MOST_AT_ONCE + 1])
    if len(rows) <= MOST_AT_ONCE:
        return rows
    page.message_user(request, TOO_MANY % {"most": MOST_AT_ONCE}, ERROR)
    return []
