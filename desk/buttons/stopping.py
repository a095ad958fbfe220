"""The buttons that cancel a show and close a funding goal."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from api.asking import READ_BY_STREAMER, reason_field
from api.audit import Author
from desk.buttons.button import Button, ButtonForm, Told, hearing
from desk.moments import at, words
from desk.shows.panels import Surroundings
from desk.shows.state import HELD
from goals.holding import is_held
from goals.states import OPEN, SCHEDULED
from showgoals.changes import cancel_show_goal
from showgoals.closing import close_funding_goal
from showgoals.models import ShowFundingGoal, ShowGoal, lapse_moment

PERMISSION = "goals.cancel_goal"


class CancelForm(ButtonForm):
    """Asks for the reason, which the streamer reads. The page opens with the cursor in this field."""

    reason = reason_field(READ_BY_STREAMER, required=True)
    reason.widget.attrs["autofocus"] = True


class Cancel(Button):
    """Cancels a show before it starts."""

    name = "cancel"
    label = _("Cancel the show")
    permission = PERMISSION
    form = CancelForm

    def obstacle(self, around: Surroundings) -> Promise | None:
        """Return None for a show that is scheduled."""
        if isinstance(around.goal, ShowGoal) and SCHEDULED.holds(around.goal):
            return None
        return _("Only a show that is scheduled can be cancelled.")

    def tells(self, around: Surroundings, moment: datetime | None) -> Iterator[Told]:
        """Say that the show does not start, how many payers are told, and what becomes of the payments."""
        del moment
        if around.goal.starts_at <= around.now and is_held(str(around.goal.pk)):
            yield Told(words(HELD), is_alarming=True)
        yield Told(words(_("The show does not start at {at}. It can be brought back."), at=at(around.goal.nbf)))
        yield Told(hearing(around))
        if around.funding_goal is not None and around.funding_goal.settlement is None:
            lapses_at = lapse_moment(around.funding_goal, since=around.now)
            text = _("If it is not brought back by {at}, its payments are due back. Paid: {total}. Payers: {payers}.")
            paid = {"total": around.funding_goal.progress, "payers": around.payers}
            yield Told(words(text, at=at(lapses_at), **paid))

    def press(self, around: Surroundings, answers: Mapping[str, Any], *, by: Author) -> Told:
        """Cancel the show."""
        why = {"by": by, "reason": answers["reason"], "if_version": answers["seen_version"]}
        cancel_show_goal(str(around.goal.pk), now=around.now, **why)
        return Told(format_html("{} {}", words(_("The show is cancelled.")), hearing(around)))


class CloseFunding(Button):
    """Closes a funding goal before its end."""

    name = "close"
    label = _("Close the funding goal")
    permission = PERMISSION

    def obstacle(self, around: Surroundings) -> Promise | None:
        """Return None for a funding goal that is open."""
        goal = around.goal
        if isinstance(goal, ShowFundingGoal) and OPEN.holds(goal, now=around.now) and goal.runs:
            return None
        return _("Only a funding goal that is open can be closed.")

    def tells(self, around: Surroundings, moment: datetime | None) -> Iterator[Told]:
        """Say that the funding goal takes no more payments, what it has collected, and what its streamer has to do."""
        del moment
        goal = around.goal
        yield Told(words(_("It takes no more payments. This can't be undone.")))
        target = goal.levels[-1].target if goal.levels else "-"
        paid = {"total": goal.progress, "target": target, "payers": around.payers}
        yield Told(words(_("Paid so far: {total} of {target}. Payers: {payers}."), **paid))
        if isinstance(goal, ShowFundingGoal):
            text = _("If its streamer creates no show by {at}, its payments are due back.")
            yield Told(words(text, at=at(lapse_moment(goal, since=around.now))))

    def press(self, around: Surroundings, answers: Mapping[str, Any], *, by: Author) -> Told:
        """Close the funding goal."""
        why = {"by": by, "reason": answers["reason"], "if_version": answers["seen_version"]}
        closed = close_funding_goal(str(around.goal.pk), now=around.now, **why)
        return Told(words(_("The funding goal has closed, at {at}."), at=at(closed.exp)))
