"""The page of the decisions to be made, and the pages that exclude a payer or let the payer in again."""

from collections.abc import Callable
from functools import partial
from typing import Any

from bson import ObjectId
from django.contrib import messages
from django.contrib.admin import site
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from api.admin_site import may
from api.asking import ask_page, crumbs_of
from api.audit import author
from config import clock
from config.errors import ProductError
from desk.decisions.evidence import cases_of
from desk.decisions.forms import RequiredReasonForm
from desk.moments import at
from desk.shows.panels import goal_url
from goals.models import Goal
from goals.names import usernames
from mongodb.transactions import run_in_transaction
from showgoals.admin_settlement import DECIDE
from showgoals.excluding import exclude_payer, include_payer
from showgoals.exclusions import funding_goal_of
from showgoals.models import Exclusion
from showgoals.payments import payment_of
from showgoals.settlement.deciding import waiting_for_decision

PER_PAGE = 25
EXCLUDE = "showgoals.exclude_payers"
OUT = _(
    "The payer gets no more events and no new credentials, and can't pay again. Credentials that the payer already has "
    "stay valid until the access ends. The payment is due back."
)
LABELS = {
    "home": _("Home"),
    "none": _("Nothing waits for a decision."),
    "paid": _("Paid"),
    "payers": _("payers"),
    "payer": _("Payer"),
    "show": _("Show"),
    "began": _("Began"),
    "lasted": _("Lasted / planned"),
    "as_sold": _("As sold"),
    "recording": _("Recording"),
    "files": _("files"),
    "decide": DECIDE,
    "out": _("Taken out"),
    "previous": _("Previous"),
    "next": _("Next"),
}
BACK_IN = _("The payer is let in again. If the show is live, the payer gets credentials at once.")
OUT_BEFORE = _("Nothing was changed: the payer had been taken out before.")
NOT_OUT = _("Nothing was changed: the payer is not taken out.")


def decisions_page(request: HttpRequest) -> HttpResponse:
    """List the funding goals about whose payments a person has to decide, each with the evidence."""
    if not may(request, "goals.view_goal"):
        raise PermissionDenied
    waiting = Paginator(waiting_for_decision(), PER_PAGE).get_page(request.GET.get("p"))
    context = {
        **site.each_context(request),
        "title": _("Decisions"),
        "labels": LABELS,
        "cases": cases_of(list(waiting)),
        "page": waiting,
        "may_decide": may(request, "goals.decide_settlement"),
    }
    return TemplateResponse(request, "desk/decisions.html", context)


def exclude_page(request: HttpRequest, goal_id: str, viewer_id: str) -> HttpResponse:
    """Ask for a reason (GET), or exclude the payer (POST)."""
    texts = {"title": _("Take out"), "question": OUT, "done": _("Taken out."), "was_done": OUT_BEFORE}
    return _change_payer(request, goal_id, viewer_id, partial(_take_out, now=clock.now()), **texts)


def include_page(request: HttpRequest, goal_id: str, viewer_id: str) -> HttpResponse:
    """Ask for a reason (GET), or let the payer in again (POST)."""
    texts = {"title": _("Take back in"), "question": BACK_IN, "done": _("The payer is in again."), "was_done": NOT_OUT}
    return _change_payer(request, goal_id, viewer_id, include_payer, **texts)


def _take_out(goal: Goal, viewer_id: str, **why: Any) -> bool:
    _exclusion, is_new = exclude_payer(goal, viewer_id, **why)
    return is_new


def _change_payer(
    request: HttpRequest,
    goal_id: str,
    viewer_id: str,
    use_case: Callable[..., bool],
    *,
    done: Any,
    was_done: Any,
    **texts: Any,
) -> HttpResponse:
    """Ask for the reason, or run the use case and say whether it has changed anything."""
    if not may(request, EXCLUDE):
        raise PermissionDenied
    goal = Goal.objects.filter(pk=goal_id).first() if ObjectId.is_valid(goal_id) else None
    if goal is None or not ObjectId.is_valid(viewer_id):
        raise Http404
    page_url = reverse("desk:payer", args=[goal.pk, viewer_id])
    form = RequiredReasonForm(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        name = usernames([viewer_id]).get(viewer_id, viewer_id)
        crumbs = [*crumbs_of(Goal, goal.title, goal_url(goal.pk)), (page_url, name)]
        return _ask(request, goal, viewer_id, form=form, crumbs=crumbs, payer=name, **texts)
    why = {"reason": form.cleaned_data["reason"], "by": author(request.user)}
    try:
        has_changed = run_in_transaction(lambda: use_case(goal, viewer_id, **why))
    except ProductError as error:
        messages.error(request, str(error.detail))
    else:
        level, text = (messages.SUCCESS, done) if has_changed else (messages.WARNING, was_done)
        messages.add_message(request, level, str(text))
    return HttpResponseRedirect(page_url)


def _ask(request: HttpRequest, goal: Goal, viewer_id: str, **context: Any) -> HttpResponse:
    funding_goal_id = funding_goal_of(goal)
    exclusion = Exclusion.objects.filter(pk=f"{funding_goal_id}:{viewer_id}").first()
    context |= {
        "labels": LABELS,
        "paid": payment_of(viewer_id, funding_goal_id).amount,
        "exclusion": exclusion,
        "taken_out": at(exclusion.at if exclusion else None),
    }
    return ask_page(request, template="desk/payer_confirm.html", **context)
