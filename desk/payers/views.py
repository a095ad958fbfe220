"""The page of a payer, the search for a payer by name, and the button that sends the events to a payer again."""

from typing import Any

from bson import ObjectId
from django.contrib import messages
from django.contrib.admin import site
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from api.admin_site import may
from api.asking import crumbs_of
from config import clock
from desk.buttons.repairing import SendToPayer
from desk.buttons.views import button_page, may_look
from desk.decisions.views import EXCLUDE
from desk.payers.panels import Known, known_of, panels_of
from desk.shows.panels import Surroundings, goal_url
from goals.models import Goal

NO_SUCH_USER = _("There is no user with this name or id.")
TAKE_OUT, TAKE_IN, ACCOUNT = _("Take out"), _("Take back in"), _("Page of the user")


def payer_page(request: HttpRequest, goal_id: str, viewer_id: str) -> HttpResponse:
    """Say in one sentence why the viewer was let in or not, and show what is known about the viewer.

    If the goal is a funding goal that has a show, redirect to the viewer's page for the show.
    """
    goal = _goal(request, goal_id)
    if not ObjectId.is_valid(viewer_id):
        raise Http404
    if goal.context.show_goal_id:
        return HttpResponseRedirect(payer_url(goal.context.show_goal_id, viewer_id))
    now = clock.now()
    known = known_of(goal, viewer_id, now=now)
    context = {
        **site.each_context(request),
        "title": known.name,
        "subtitle": goal.title,
        "crumbs": crumbs_of(Goal, goal.title, goal_url(goal.pk)),
        "verdict": known.report["explanation"],
        "now": now,
        "panels": panels_of(known),
        "buttons": list(_links(request, known)),
    }
    return TemplateResponse(request, "desk/payer.html", context)


def find_payer(request: HttpRequest, goal_id: str) -> HttpResponse:
    """Redirect to the page of the payer whose user name or id was typed."""
    goal = _goal(request, goal_id)
    typed = request.GET.get("payer", "").replace("\0", "").strip()
    user = User.objects.filter(username=typed).only("pk").first() if typed else None
    viewer_id = str(user.pk) if user else typed.lower()
    if not ObjectId.is_valid(viewer_id):
        messages.error(request, str(NO_SUCH_USER))
        return HttpResponseRedirect(goal_url(goal.pk))
    return HttpResponseRedirect(payer_url(goal.pk, viewer_id))


def send_to_payer(request: HttpRequest, goal_id: str, viewer_id: str) -> HttpResponse:
    """Ask first (GET), or send both events to this payer again (POST)."""
    if not ObjectId.is_valid(viewer_id):
        raise Http404
    user = User.objects.filter(pk=viewer_id).only("username", "is_active").first()
    return button_page(request, goal_id, button=SendToPayer(viewer_id, user))


def payer_url(goal_id: object, viewer_id: object) -> str:
    """Return the address of the page of a payer."""
    return reverse("desk:payer", args=[goal_id, viewer_id])


def _goal(request: HttpRequest, goal_id: str) -> Goal:
    if not may_look(request):
        raise PermissionDenied
    goal = Goal.objects.filter(pk=goal_id).first() if ObjectId.is_valid(goal_id) else None
    if goal is None:
        raise Http404
    return goal


def _links(request: HttpRequest, known: Known) -> Any:
    """Yield the address and label of each action that the person may take, and of the page of the payer's account."""
    goal, viewer_id = known.goal, known.viewer_id
    if known.has_paid and known.exclusion is None:
        send = SendToPayer(viewer_id, known.user)
        if may(request, send.permission) and send.obstacle(Surroundings(goal, clock.now())) is None:
            yield from send.links(goal)
    if known.has_paid and may(request, EXCLUDE):
        name, label = ("exclude", TAKE_OUT) if known.exclusion is None else ("include", TAKE_IN)
        yield reverse(f"decisions:{name}", args=[goal.pk, viewer_id]), label
    if known.user is not None and may(request, "auth.view_user"):
        yield reverse("admin:auth_user_change", args=[viewer_id]), ACCOUNT
