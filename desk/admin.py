"""Registers the pages of desk/ in the admin, and adds a filter to the list of goals."""

from typing import Any, cast

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from api.admin_site import Page, Site
from config import clock
from desk.attention import Need, shows_in_need
from desk.changes import admin as changes  # noqa: F401 - registers its page
from desk.queue import admin as queue  # noqa: F401 - replaces the pages of failed tasks and of the queue
from desk.users import admin as users  # noqa: F401 - replaces the page of users
from goals.models import Goal
from showgoals.admin import GoalAdmin


class NeedFilter(admin.SimpleListFilter):
    """Lists only the shows that need a person now. The front page counts the same shows."""

    title = _("what needs a person")
    parameter_name = "needs"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return the value and the label of each need."""
        return list(Need.choices)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Goal]) -> QuerySet[Goal]:
        """Return the shows with the chosen need, or all goals if no need is chosen."""
        wanted = self.value() or ""
        if wanted not in Need:
            return queryset
        return queryset.filter(pk__in=shows_in_need(Need(wanted), now=clock.now()))


GoalAdmin.list_filter = (NeedFilter, *GoalAdmin.list_filter)
cast(Site, admin.site).pages.append(Page("goals", _("Decisions"), "decisions:list", "goals.view_goal"))
