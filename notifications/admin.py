"""The admin action that redelivers a show's events."""

from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from api.audit import author
from api.chosen import chosen
from config import clock
from config.errors import ProductError
from goals.models import Goal
from mongodb.transactions import run_in_transaction
from notifications.fanout.redelivery import redeliver_unsent
from showgoals.admin import goal_action

# A redelivery takes about 15 round-trips to MongoDB, so 50 could exceed the time of a request.
MOST_SHOWS = 20
GO_OUT_AGAIN = _("%(goal)s: %(events)s events go out again.")
NOTHING_TO_SEND = _("%(goal)s: nothing to send.")


@goal_action
@admin.action(description=_("Redeliver what was not sent"), permissions=["send_again"])
def redeliver(model_admin: Any, request: HttpRequest, queryset: QuerySet[Goal]) -> None:
    """Redeliver those `stream.authorized` events of the selected shows that Pusher has not accepted.

    Show a message about each show.
    """
    for goal in chosen(model_admin, request, queryset, most=MOST_SHOWS):
        try:
            events = run_in_transaction(partial(redeliver_unsent, goal, now=clock.now(), by=author(request.user)))
        except ProductError as error:
            model_admin.message_user(request, f"{goal}: {error.detail}", messages.ERROR)
            continue
        text = GO_OUT_AGAIN if events else NOTHING_TO_SEND
        level = messages.SUCCESS if events else messages.WARNING
        model_admin.message_user(request, text % {"goal": goal, "events": events}, level)
