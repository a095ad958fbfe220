"""Settlements in the admin: the decision, and the page on which a person decides."""

from functools import partial
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.defaultfilters import yesno
from django.urls import path, reverse
from django.utils.formats import date_format
from django.utils.html import format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _

from api.admin_site import may
from api.asking import READ_BY_STREAMER, ask_page, crumbs_of, reason_field
from api.audit import author
from config import clock
from config.errors import ProductError
from goals.models import Goal
from goals.settlements import SettlementState
from mongodb.transactions import run_in_transaction
from sessions_app.recordings.state import find_recording
from showgoals.models import REASON_LENGTH
from showgoals.settlement.deciding import (
    OUTCOMES,
    NotInQuestion,
    can_be_decided,
    decide_settlement,
)
from showgoals.settlement.reasons import reason_in_words

DECIDE = _("Decide")
QUESTION = _(
    "What becomes of the payments of this funding goal? Look at the timelines of the goal and its show, and at the "
    "recording, first. This can't be undone."
)
ALREADY_DECIDED = _("It has already been decided: %(outcome)s (%(reason)s).")
PERMISSION = "goals.decide_settlement"
URL_NAME = "goals_goal_decide"
TEMPLATE = "admin/goals/goal/decide.html"


class DecisionForm(forms.Form):
    """The decision and its reason."""

    outcome = forms.ChoiceField(
        label=_("Outcome"),
        choices=[(outcome.value, outcome.label) for outcome in OUTCOMES],
        widget=forms.RadioSelect,
    )
    reason = reason_field(READ_BY_STREAMER, required=True, max_length=REASON_LENGTH)


class SettlementAdmin(admin.ModelAdmin[Goal]):
    """Adds the settlement to the admin page of a funding goal, and a page on which a person decides."""

    def get_urls(self) -> list[Any]:
        """Put the decision page before Django's own pages, because their last URL pattern matches every path."""
        page = path("<path:object_id>/decide/", self.admin_site.admin_view(self.decide), name=URL_NAME)
        return [page, *super().get_urls()]

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show the button “Decide” if there is something to decide and the user may decide it."""
        goal: Goal | None = kwargs.get("obj")
        if goal is not None and may(request, PERMISSION) and can_be_decided(goal):
            context["object_actions"] = [{"label": DECIDE, "url": reverse(f"admin:{URL_NAME}", args=[goal.pk])}]
        return super().render_change_form(request, context, *args, **kwargs)

    def decide(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show the decision page (GET), or store the decision (POST)."""
        if not may(request, PERMISSION):
            raise PermissionDenied
        goal = self.get_object(request, object_id)
        if goal is None:
            return HttpResponseRedirect(reverse("admin:index"))
        if not can_be_decided(goal):
            self.message_user(request, _why_not(goal), messages.ERROR)
            return HttpResponseRedirect(page_of(goal))
        form = DecisionForm(request.POST or None)
        if not form.is_valid():
            crumbs = crumbs_of(Goal, goal.title, page_of(goal))
            texts = {"title": DECIDE, "question": QUESTION}
            return ask_page(request, form, crumbs=crumbs, template=TEMPLATE, links=_evidence(goal), **texts)
        return self._decide(request, goal, form)

    def _decide(self, request: HttpRequest, goal: Goal, form: DecisionForm) -> HttpResponse:
        outcome, reason = SettlementState(form.cleaned_data["outcome"]), form.cleaned_data["reason"]
        by = author(request.user)
        decide = partial(decide_settlement, str(goal.pk), outcome=outcome, reason=reason, by=by, now=clock.now())
        try:
            run_in_transaction(decide)
        except ProductError as error:
            self.message_user(request, str(error.detail), messages.ERROR)
        else:
            self.log_change(request, goal, f"{outcome.label}: {reason}")
            self.message_user(request, _("Decided: %s") % outcome.label, messages.SUCCESS)
        return HttpResponseRedirect(page_of(goal))

    @admin.display(description=_("payments"))
    def settlement_table(self, goal: Goal) -> SafeString:
        """Return the settlement of a funding goal with a line for each fact, or "-" if nothing is decided."""
        decided = goal.settlement
        if decided is None:
            return mark_safe("-")
        rows = (
            (_("state"), decided.get_state_display()),
            (_("reason"), reason_in_words(decided.reason)),
            (_("decided at"), f"{date_format(decided.decided_at, 'DATETIME_FORMAT')} UTC"),
            (_("decided by"), decided.decided_by or "-"),
            (_("as sold"), "-" if decided.as_sold is None else yesno(decided.as_sold)),
            (_("total"), decided.total),
            (_("payers"), decided.payers),
        )
        return format_html_join(mark_safe("<br>"), "{}: {}", rows)


def page_of(goal: Goal) -> str:
    """Return the address of the goal's page."""
    return reverse("admin:goals_goal_change", args=[goal.pk])


def _evidence(goal: Goal) -> list[dict[str, Any]]:
    """Return links to the show of the funding goal and to its recording, if there are any."""
    show_id = goal.context.show_goal_id
    if show_id is None:
        return []
    links = [{"label": _("The show"), "url": reverse("admin:goals_goal_change", args=[show_id])}]
    if find_recording(show_id) is not None:
        url = reverse("admin:sessions_app_recording_change", args=[show_id])
        links.append({"label": _("Its recording"), "url": url})
    return links


def _why_not(goal: Goal) -> str:
    """Say why there is nothing to decide. The page may have been opened before another person decided."""
    decided = goal.settlement
    if decided is None:
        return str(NotInQuestion.detail)
    return ALREADY_DECIDED % {"outcome": decided.get_state_display(), "reason": reason_in_words(decided.reason)}
