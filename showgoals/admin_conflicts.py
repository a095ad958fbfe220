"""Changes a show from a form of the admin.

If the page of the form is outdated, the error tells staff who has changed the show since, and how.
"""

import re
from collections.abc import Iterator
from typing import Any

from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _

from api.audit import author
from api.etags import PreconditionFailed
from api.labels import label_of
from config import clock
from goals.models import Goal
from goals.states import GoalStatus
from mongodb.transactions import run_in_transaction
from showgoals.admin_forms import LENGTH, STARTS_AT, TITLE, SeenForm
from showgoals.change_notes import notes_since
from showgoals.changes import move_show_goal
from showgoals.models import ShowGoal

# A version. The number of digits is limited, because `int()` refuses thousands of digits.
NUMBER = re.compile("[0-9]{1,9}")
STATUS = _("status")
NOTHING_WRITTEN = _("The show has changed since you opened the page, so nothing was written.")
FUNDING_CHANGED = _("The funding goal has changed since you opened the page, so nothing was written.")
SEEN_AND_NOW = _("%(field)s: %(seen)s when you opened the page, %(now)s now.")


def change_show(request: HttpRequest, goal: Goal, form: SeenForm, **changes: Any) -> None:
    """Change the show on the condition that it has not changed since its page was opened.

    Raises the errors of the use case. If the show has changed, the error names the latest changes and their
    authors.
    """
    changes |= {"by": author(request.user), "if_version": form.cleaned_data["seen_version"]}
    try:
        run_in_transaction(lambda: move_show_goal(str(goal.pk), now=clock.now(), **changes))
    except PreconditionFailed as error:
        raise conflict(Goal.objects.get(pk=goal.pk), request.POST) from error


def conflict(goal: Goal, posted: Any) -> PreconditionFailed:
    """Return the error for a form that was posted too late.

    Its text compares the values on the page with the present values, and lists the latest changes.
    """
    version = str(posted.get("seen_version", ""))
    notes = notes_since(str(goal.pk), int(version)) if NUMBER.fullmatch(version) else []
    lines = [*_differences(goal, posted), *notes]
    text = NOTHING_WRITTEN if isinstance(goal, ShowGoal) else FUNDING_CHANGED
    return PreconditionFailed(format_html("{}{}", text, _each_below(lines)), goal_id=str(goal.pk))


def _each_below(lines: list[str]) -> SafeString:
    return format_html_join(mark_safe(""), mark_safe("<br>{}"), ((line,) for line in lines))


def _differences(goal: Goal, posted: Any) -> Iterator[str]:
    """Yield a line for each value that has changed since the form's page was opened."""
    level, nbf = goal.levels[0], f"{goal.nbf:%Y-%m-%d %H:%M:%S}" if goal.nbf else ""
    seen_nbf = " ".join(posted.get(f"initial-nbf_{part}", "") for part in (0, 1)).strip()
    for field, seen, now in (
        (STATUS, label_of(GoalStatus, posted.get("seen_status", "")), goal.status(clock.now()).label),
        (STARTS_AT, seen_nbf, nbf),
        (TITLE, posted.get("initial-title", ""), level.title),
        (LENGTH, posted.get("initial-target_seconds", ""), str(level.target)),
    ):
        if seen and seen != now:
            yield str(SEEN_AND_NOW % {"field": field, "seen": seen, "now": now})
