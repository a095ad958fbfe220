"""Redelivery in the Django admin: an action of the goals' page."""

from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from config.errors import ProductError
from goals.models import Goal
from mongodb.transactions import run_in_transaction
from notifications.fanout.redelivery import redeliver_unsent


@admin.action(description=_("Redeliver what was not sent"), permissions=["change"])
def redeliver(model_admin: Any, request: HttpRequest, queryset: QuerySet[Goal]) -> None:
    """Have the selected shows' `stream.authorized` sent to all who have not got it; say where it could not be."""
    for goal in queryset:
        try:
            events = run_in_transaction(partial(redeliver_unsent, goal, now=timezone.now()))
        except ProductError as error:
            model_admin.message_user(request, f"{goal}: {error.detail}", messages.ERROR)
        else:
            text = _("%(goal)s: %(events)s events go out again.") % {"goal": goal, "events": events}
            model_admin.message_user(request, text, messages.SUCCESS)


# `showgoals` has registered it: admin modules are imported in the order of the apps.
_goal_admin = admin.site.get_model_admin(Goal)
_goal_admin.actions = (*(_goal_admin.actions or ()), redeliver)
