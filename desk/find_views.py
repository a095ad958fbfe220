"""The page with the results of the search box."""

from typing import Any

from django.contrib.admin import site
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from api.admin_site import may
from desk.buttons.moving import MINUTES, Move
from desk.finding import Found, Kinds, find

NOT_TEXT = "\0"


def find_page(request: HttpRequest) -> HttpResponse:
    """Show the results by kind. If there is only one result, redirect to its page."""
    text = request.GET.get("q", "").replace(NOT_TEXT, "").strip()
    found = find(text, kinds_for(request))
    if only := _only_page(found):
        return HttpResponseRedirect(only)
    context = {**site.each_context(request), "title": _("Find"), "found": found, "text": text}
    if may(request, Move.permission):
        context |= {"minutes": MINUTES}
    return TemplateResponse(request, "desk/find.html", context)


def kinds_for(request: HttpRequest) -> Kinds:
    """Return the kinds that the person may look at."""
    user: Any = request.user
    may = user.has_perm
    return Kinds(goals=may("goals.view_goal"), sessions=may("sessions_app.view_session"), users=may("auth.view_user"))


def _only_page(found: Found) -> str:
    """Return the address of the only result's page, or "" if the list of results should be shown.

    If a user was found, the list is shown, because it says more about the user than the user's page. A code that a
    payer has read out leads to the payer's page.
    """
    if found.code:
        return reverse("desk:payer", args=found.code)
    if found.users or len(found.goals) + len(found.sessions) != 1:
        return ""
    if found.sessions:
        return reverse("admin:sessions_app_session_change", args=[found.sessions[0].session_id])
    goal_id = found.goals[0].goal_id
    return reverse("admin:goals_goal_change", args=[goal_id])
