"""The front page of the admin: what needs a person now, what comes next, and what happened in the last hour."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.admin import site
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from config import clock
from desk.attention import MOST_COUNTED, Need, dead_letters, shows_in_need, troubles
from desk.hour import STEPS, Deliveries, Starts, deliveries_of_last_hour, heights, starts_of_last_hour
from desk.upcoming import HOURS, upcoming_shows

GOALS, FAILURES = "admin:goals_goal_changelist", "admin:django_q_failure_changelist"
# These lengths are in the units of the plots, which are SVG images.
BAR_WIDTH, PLOT_HEIGHT = 10, 60
# The top of the plot of lateness stands for at least this many seconds, so that its bars are low if all shows started
# on time.
PUNCTUAL_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Tile:
    """A number of things that need a person, with a link to their list."""

    label: str | Promise
    count: int
    url: str

    @property
    def is_cut(self) -> bool:
        """Whether there may be more things than were counted."""
        return self.count >= MOST_COUNTED


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar of a plot. `y` is its upper end."""

    x: int
    y: float
    height: float


def front_page(request: HttpRequest) -> HttpResponse:
    """Show Django's index below what needs a person, what comes next, and what happened in the last hour."""
    user: Any = request.user
    now = clock.now()
    sees_shows, sees_failures = user.has_perm("goals.view_goal"), user.has_perm("django_q.view_failure")
    context: dict[str, Any] = {"tiles": [], "hours": HOURS, "plot_height": PLOT_HEIGHT}
    context["troubles"] = troubles()
    if sees_shows:
        counts = {need: len(shows_in_need(need, now=now)) for need in Need}
        context["tiles"] += [Tile(need.label, counts[need], f"{reverse(GOALS)}?needs={need.value}") for need in Need]
        context |= {"upcoming": upcoming_shows(now=now), "shows_goals": True, **_plots(now=now)}
    if sees_failures:
        context["tiles"].append(Tile(_("failed tasks"), dead_letters(), reverse(FAILURES)))
    is_calm = not context["troubles"] and not any(tile.count for tile in context["tiles"])
    context["needs_nobody"] = is_calm and sees_shows and sees_failures
    return site.index(request, context)


def _plots(**moment: Any) -> dict[str, Any]:
    starts, deliveries = starts_of_last_hour(**moment), deliveries_of_last_hour(**moment)
    totals = [each.sent + each.unsent for each in deliveries]
    top = max(*totals, 1)
    return {
        "starts": starts,
        "starts_since": _since(starts),
        "started": _total([each.count for each in starts]),
        "start_bars": _bars(heights([each.latest for each in starts], least_top=PUNCTUAL_SECONDS)),
        "deliveries": deliveries,
        "deliveries_since": _since(deliveries),
        "told": _total([each.sent for each in deliveries]),
        "untold": _total([each.unsent for each in deliveries]),
        "delivery_bars": _bars([total / top for total in totals]),
        "unsent_bars": _bars([each.unsent / top for each in deliveries]),
    }


def _since(steps: Sequence[Starts | Deliveries]) -> datetime | None:
    """Return when the first step begins if earlier steps are left out, else None."""
    return steps[0].begins_at if len(steps) < STEPS else None


def _total(counts: Sequence[int]) -> str:
    """Return the sum of the steps, with a plus sign if earlier steps are left out."""
    return f"{sum(counts)}{'+' if len(counts) < STEPS else ''}"


def _bars(parts: list[float]) -> list[Bar]:
    """Return a bar for each step. The last one is at the right end of the plot."""
    return [
        Bar(step * (BAR_WIDTH + 2), round(PLOT_HEIGHT * (1 - part), 2), round(PLOT_HEIGHT * part, 2))
        for step, part in enumerate(parts, start=STEPS - len(parts))
    ]
