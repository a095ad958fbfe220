"""The action that cancels the selected shows. It lists the shows, and asks the person to type how many there are."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from api.asking import READ_BY_STREAMER, TellingForm, ask_page, reason_field
from api.audit import author
from config import clock
from config.errors import ProductError
from goals.holding import is_held
from goals.models import Goal
from goals.states import SCHEDULED
from mongodb.transactions import run_in_transaction
from showgoals.changes import cancel_show_goal
from showgoals.models import ShowGoal

# A person who has to cancel more shows does so in several steps, with a list to check in each.
MOST_AT_ONCE = 20
CONFIRMED = "confirmed"
HELD = _("It was due before the restoration. If it was performed, do not cancel it: its payments would go back.")


class CancelShowsForm(TellingForm):
    """The number of the shows, typed by the person, and the reason."""

    count = forms.IntegerField(label=_("Type the number of shows"))
    reason = reason_field(READ_BY_STREAMER, required=True)

    def __init__(self, data: Any, *, shows: Sequence[ShowGoal]) -> None:
        super().__init__(data, things=[f"{show.pk}:{show.version}" for show in shows])
        self._shows = len(shows)

    def clean_count(self) -> int:
        """Refuse a number that is not the number of shows in the list."""
        count: int = self.cleaned_data["count"]
        if count != self._shows:
            raise forms.ValidationError(_("The list has %(shows)s.") % {"shows": self._shows}, "wrong_count")
        return count


def cancel_selected(
    goals: admin.ModelAdmin[Goal], request: HttpRequest, queryset: QuerySet[Goal]
) -> HttpResponse | None:
    """Return the page that asks for confirmation, or cancel the confirmed shows and return None.

    Messages name the selected goals that can't be cancelled. If none can be cancelled, or if more than
    MOST_AT_ONCE goals are selected, cancel nothing and return None.
    """
    selected = list(queryset[: MOST_AT_ONCE + 1])
    if len(selected) > MOST_AT_ONCE:
        text = _("At most %(most)s shows can be cancelled together. Nothing was cancelled.")
        goals.message_user(request, text % {"most": MOST_AT_ONCE}, messages.ERROR)
        return None
    shows = [goal for goal in selected if isinstance(goal, ShowGoal) and SCHEDULED.holds(goal)]
    form = CancelShowsForm(request.POST if CONFIRMED in request.POST else None, shows=shows)
    if form.is_confirmed():
        for show in shows:
            _cancel(goals, request, show, reason=form.cleaned_data["reason"])
        return None
    for goal in selected:
        if goal not in shows:
            _refuse(goals, request, goal)
    return _page(goals, request, shows, form) if shows else None


def _cancel(goals: admin.ModelAdmin[Goal], request: HttpRequest, show: Goal, *, reason: str) -> None:
    why: dict[str, Any] = {"by": author(request.user), "reason": reason, "if_version": show.version}
    try:
        run_in_transaction(partial(cancel_show_goal, str(show.pk), now=clock.now(), **why))
    except ProductError as error:
        goals.message_user(request, f"{show}: {error.detail}", messages.ERROR)
    else:
        goals.message_user(request, _("Cancelled: %s") % show, messages.SUCCESS)


def _refuse(goals: admin.ModelAdmin[Goal], request: HttpRequest, goal: Goal) -> None:
    why = _("It is %(status)s.") if isinstance(goal, ShowGoal) else _("Only shows can be cancelled.")
    goals.message_user(request, f"{goal}: {why % {'status': goal.status(clock.now()).label}}", messages.WARNING)


def _page(
    goals: admin.ModelAdmin[Goal], request: HttpRequest, shows: Sequence[ShowGoal], form: CancelShowsForm
) -> HttpResponse:
    funding = [show.context.funding_goal_id for show in shows if show.context.funding_goal_id]
    payers = {str(goal.pk): goal.payers or 0 for goal in Goal.objects.filter(pk__in=funding).only("payers")}
    rows = [(show, payers.get(show.context.funding_goal_id or "", 0), is_held(str(show.pk))) for show in shows]
    return ask_page(
        request,
        form,
        title=_("Cancel the selected shows"),
        question=_("These shows are cancelled, and their payers are told so:"),
        crumbs=[(reverse("admin:goals_goal_changelist"), capfirst(goals.opts.verbose_name_plural))],
        template="admin/goals/goal/cancel_selected.html",
        columns=(_("title"), _("Starts at"), _("payers")),
        rows=rows,
        held=HELD,
        checkbox=ACTION_CHECKBOX_NAME,
        confirmed=CONFIRMED,
    )
