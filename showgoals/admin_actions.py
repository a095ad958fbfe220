"""The buttons on the admin page of a show: each leads to a page that asks first.

The form can neither revive a cancelled show nor start one at once, so that neither happens by accident.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from api.audit import author
from api.etags import PreconditionFailed
from config import clock
from config.errors import ProductError
from goals.models import Goal
from goals.states import CANCELLED, SCHEDULED, State
from mongodb.transactions import run_in_transaction
from showgoals.admin_conflicts import conflict
from showgoals.admin_forms import ReviveForm, SeenForm
from showgoals.changes import move_show_goal
from showgoals.models import ShowGoal

BACK = _("No, take me back")


@dataclass(frozen=True, slots=True)
class ObjectAction:
    """A button and its page, which asks for confirmation.

    If the form of the page has an `nbf`, it becomes the show's.
    """

    name: str
    label: Promise
    question: Promise
    done: Promise
    too_late: Promise
    state: State
    form: type[SeenForm]

    @property
    def url_name(self) -> str:
        """The name of the URL of its page."""
        return f"goals_goal_{self.name}"

    def fits(self, goal: Goal) -> bool:
        """Tell whether the goal is in the state in which the action makes sense."""
        return isinstance(goal, ShowGoal) and self.state.holds(goal)


START_NOW = ObjectAction(
    name="start-now",
    label=_("Start now"),
    question=_("The show starts at once, and its payers are let in. This can't be undone."),
    done=_("The show starts now."),
    too_late=_("Only a show that is scheduled can be started."),
    state=SCHEDULED,
    form=SeenForm,
)
REVIVE = ObjectAction(
    name="revive",
    label=_("Bring back"),
    question=_("The cancelled show will start after all, at the time that you choose. Its payers are told."),
    done=_("The show was brought back."),
    too_late=_("Only a show that is cancelled can be brought back."),
    state=CANCELLED,
    form=ReviveForm,
)
OBJECT_ACTIONS = (START_NOW, REVIVE)


class ShowActionsAdmin(admin.ModelAdmin[Goal]):
    """Adds the buttons and their pages to the admin page of a show. They need the permission to change goals."""

    def get_urls(self) -> list[Any]:
        """Put the pages before Django's own, whose last pattern takes every path."""
        pages = [
            path(
                f"<path:object_id>/{action.name}/",
                self.admin_site.admin_view(partial(self.ask_first, action=action)),
                name=action.url_name,
            )
            for action in OBJECT_ACTIONS
        ]
        return [*pages, *super().get_urls()]

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show the buttons that fit the show as it is now."""
        goal: Goal | None = kwargs.get("obj")
        if goal is not None and self.has_change_permission(request, goal):
            context["object_actions"] = [
                {"label": action.label, "url": reverse(f"admin:{action.url_name}", args=[goal.pk])}
                for action in OBJECT_ACTIONS
                if action.fits(goal)
            ]
        return super().render_change_form(request, context, *args, **kwargs)

    def ask_first(self, request: HttpRequest, object_id: str, *, action: ObjectAction) -> HttpResponse:
        """Show the page (GET), or change the show (POST)."""
        if not super().has_change_permission(request):
            raise PermissionDenied
        goal = self.get_object(request, object_id)
        if goal is None:
            return HttpResponseRedirect(reverse("admin:index"))
        if not action.fits(goal):
            self.message_user(request, str(action.too_late), messages.ERROR)
            return HttpResponseRedirect(page_of(goal))
        form = action.form(request.POST or None, instance=goal)
        if not form.is_valid():
            return confirm_page(self, request, goal, form, title=action.label, question=action.question)
        return self._do(request, goal, action, form)

    def _do(self, request: HttpRequest, goal: Goal, action: ObjectAction, form: SeenForm) -> HttpResponse:
        try:
            change_show(request, goal, form, nbf=form.cleaned_data.get("nbf", clock.now()))
        except ProductError as error:
            self.message_user(request, str(error.detail), messages.ERROR)
        else:
            self.log_change(request, goal, str(action.label))
            self.message_user(request, str(action.done), messages.SUCCESS)
        return HttpResponseRedirect(page_of(goal))


def change_show(request: HttpRequest, goal: Goal, form: SeenForm, **changes: Any) -> None:
    """Change the show on the condition that it has not changed since its page was opened.

    Raises the errors of the use case. If the show has changed, the error names each change and its author.
    """
    changes |= {"by": author(request.user), "if_version": form.cleaned_data["seen_version"]}
    try:
        run_in_transaction(lambda: move_show_goal(str(goal.pk), now=clock.now(), **changes))
    except PreconditionFailed as error:
        raise conflict(Goal.objects.get(pk=goal.pk), request.POST) from error


def confirm_page(
    goals: admin.ModelAdmin[Goal],
    request: HttpRequest,
    goal: Goal,
    form: forms.BaseForm,
    *,
    title: Promise,
    question: Promise,
    links: Sequence[dict[str, Any]] = (),
) -> HttpResponse:
    """Return the page that asks before something is done to the goal. `title` is also the text of its button.

    Each link, to what the person should look at first, has a `label` and a `url`.
    """
    context = {
        **goals.admin_site.each_context(request),
        "title": title,
        "question": question,
        "links": links,
        "back": BACK,
        "form": form,
        "media": goals.media + form.media,
        "opts": goals.opts,
        "original": goal,
        "list_url": reverse("admin:goals_goal_changelist"),
        "page_url": page_of(goal),
    }
    return TemplateResponse(request, "admin/goals/goal/confirm.html", context)


def page_of(goal: Goal) -> str:
    """Return the address of the goal's page."""
    return reverse("admin:goals_goal_change", args=[goal.pk])
