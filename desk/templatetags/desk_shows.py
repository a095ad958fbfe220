"""The template tag that shows a goal's state, buttons, panels and timeline on its page."""

from typing import Any

from django import template
from django.utils.translation import gettext_lazy as _

from api.admin_site import may
from config import clock
from desk.buttons import links_for
from desk.moments import duration
from desk.shows.changes import changes_url, newest_changes
from desk.shows.panels import panels_of, surroundings_of
from desk.shows.state import situation_of
from desk.shows.timeline import timeline_page
from goals.models import Goal
from showgoals.models import ShowFundingGoal, ShowGoal

register = template.Library()
TEXTS = {
    "left": _("time left:"),
    "happened": _("What happened"),
    "only": _("Show only:"),
    "everything": _("everything"),
    "at": _("at (UTC)"),
    "kind": _("kind"),
    "name": _("name"),
    "outcome": _("outcome"),
    "detail": _("detail"),
    "request": _("request"),
    "receivers": _("receivers"),
    "nothing": _("Nothing yet."),
    "who": _("Who did what"),
    "nobody": _("Nobody has changed it."),
    "all_changes": _("All changes"),
    "payer": _("A payer who was not let in?"),
    "name_or_id": _("User name or id"),
    "look": _("Look"),
    "newest": _("newest"),
    "older": _("older"),
}


@register.inclusion_tag("desk/show.html", takes_context=True)
def show_page(context: dict[str, Any], goal: Goal) -> dict[str, Any]:
    """Return what the page of a goal shows above the goal's fields."""
    request, now = context["request"], clock.now()
    around = surroundings_of(goal, now=now)
    situation = situation_of(around)
    return {
        "goal": goal,
        "now": now,
        "texts": TEXTS,
        "situation": situation,
        "left": duration(situation.until - now) if situation.until else "",
        "buttons": list(links_for(request, around)),
        "payer_url": isinstance(goal, ShowGoal | ShowFundingGoal),
        **_changes(request, goal),
        "panels": panels_of(around),
        "timeline": timeline_page(goal, request.GET),
    }


def _changes(request: Any, goal: Goal) -> dict[str, Any]:
    """Return the newest changes of the goal if the person may read the record of changes."""
    if not may(request, "api.view_changerecord"):
        return {}
    return {"changes": newest_changes(goal), "changes_url": changes_url(goal)}
