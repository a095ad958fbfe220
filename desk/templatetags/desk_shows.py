"""What the templates of the admin show of a goal beyond its fields."""

from typing import Any

from django import template
from django.utils.translation import gettext_lazy as _

from config import clock
from desk.buttons import links_for
from desk.moments import duration
from desk.shows.panels import panels_of, surroundings_of
from desk.shows.state import situation_of
from desk.shows.timeline import timeline_page
from goals.models import Goal

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
    "newest": _("newest"),
    "older": _("older"),
}


@register.inclusion_tag("desk/show.html", takes_context=True)
def show_page(context: dict[str, Any], goal: Goal) -> dict[str, Any]:
    """Show what a person wants to know of the goal first."""
    request, now = context["request"], clock.now()
    around = surroundings_of(goal, now=now)
    situation = situation_of(goal, now=now)
    return {
        "goal": goal,
        "now": now,
        "texts": TEXTS,
        "situation": situation,
        "left": duration(situation.until - now) if situation.until else "",
        "buttons": list(links_for(request, around)),
        "panels": panels_of(around),
        "timeline": timeline_page(goal, request.GET),
    }
