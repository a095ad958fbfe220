"""The page behind a button."""

from functools import partial
from typing import Any

from bson import ObjectId
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from api.admin_site import may
from api.asking import ask_page
from api.audit import author
from api.etags import PreconditionFailed
from config import clock
from config.errors import ProductError
from desk.buttons.button import BY, Button, ButtonForm
from desk.shows.panels import Surroundings, surroundings_of
from goals.models import Goal
from mongodb.transactions import run_in_transaction
from showgoals.admin_conflicts import conflict

NEXT = _("Next")
TEMPLATE = "desk/button.html"


def button_page(request: HttpRequest, goal_id: str, *, button: Button) -> HttpResponse:
    """Say what will happen (GET), or press the button (POST).

    If the form asks for something that the page has not described yet, describe it, and ask again.
    """
    if not may_look(request) or not may(request, button.permission):
        raise PermissionDenied
    goal = Goal.objects.filter(pk=goal_id).first() if ObjectId.is_valid(goal_id) else None
    if goal is None:
        messages.error(request, str(_("There is no such goal.")))
        return HttpResponseRedirect(reverse("admin:index"))
    around = surroundings_of(goal, now=clock.now())
    if obstacle := button.obstacle(around):
        return _refuse(request, button, goal, str(obstacle))
    posted = request.POST if request.method == "POST" else None
    form = button.form(
        posted, around=around, moment=button.moment(around, request.GET.get(BY, "")), count=button.count(around)
    )
    if not form.is_valid():
        return _ask(request, around, button, form)
    if not form.is_told():
        form.tell()
        return _ask(request, around, button, form)
    return _press(request, around, button, form)


def may_look(request: HttpRequest) -> bool:
    """Tell whether the person may look at goals. People who may change goals may also look at them."""
    return may(request, "goals.view_goal") or may(request, "goals.change_goal")


def _press(request: HttpRequest, around: Surroundings, button: Button, form: ButtonForm) -> HttpResponse:
    goal, by = around.goal, author(request.user)
    press = partial(button.press, around, form.cleaned_data, by=by)
    try:
        said = run_in_transaction(press)
    except ProductError as error:
        present = surroundings_of(Goal.objects.get(pk=goal.pk), now=clock.now())
        if isinstance(error, PreconditionFailed) or button.obstacle(present):
            return _refuse(request, button, present.goal, str(error.detail))
        form.add_error(None, str(error.detail))
        return _ask(request, around, button, form)
    messages.add_message(request, messages.WARNING if said.is_alarming else messages.SUCCESS, said.text)
    return HttpResponseRedirect(button.crumbs(goal)[-1][0])


def _refuse(request: HttpRequest, button: Button, goal: Goal, why: str) -> HttpResponse:
    """Redirect to the page that leads to the button, and say why nothing was done.

    If the goal has changed since the page was opened, say how, and who has changed it.
    """
    seen = request.POST.get("seen_version", "")
    is_old = seen.isascii() and seen.isdecimal() and seen != str(goal.version)
    messages.error(request, conflict(goal, request.POST).detail if is_old else why)
    return HttpResponseRedirect(button.crumbs(goal)[-1][0])


def _ask(request: HttpRequest, around: Surroundings, button: Button, form: ButtonForm) -> HttpResponse:
    told = list(button.tells(around, form.moment))
    submit = button.label if told else NEXT
    crumbs = button.crumbs(around.goal)
    context: dict[str, Any] = {"told": told, "submit": submit, "subtitle": around.goal.title}
    return ask_page(request, form, title=button.label, crumbs=crumbs, template=TEMPLATE, **context)
