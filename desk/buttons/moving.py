"""The buttons that move a show, start it now, or bring it back."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django import forms
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from api.audit import Author
from config import clock
from desk.buttons.button import BY, Button, ButtonForm, Told, hearing
from desk.moments import at, difference, words
from desk.shows.panels import Surroundings, goal_url
from goals.access import access_exp
from goals.models import Goal
from goals.states import CANCELLED, SCHEDULED
from showgoals.admin_forms import FutureField
from showgoals.changes import move_show_goal
from showgoals.models import ShowGoal
from showgoals.overlaps import may_overlap, shows_beside

MINUTES = (5, 10, 20)
STARTS = _("The show starts at {at}.")
MAY_OVERLAP = _(
    "At that time the session has another show: {show}, from {begins} to {ends}. Both will run at the same time."
)
OVERLAPS = _(
    "At that time the session has another show: {show}, from {begins} to {ends}. So the change will be refused."
)


class TimeForm(ButtonForm):
    """The new start of the show. The hidden field `told_nbf` has the start that the page has described."""

    nbf = FutureField(label=_("Starts at (UTC)"))
    told_nbf = forms.CharField(required=False, widget=forms.HiddenInput)
    field_order = ("nbf", "reason")

    def __init__(self, data: Any, *, around: Surroundings, moment: datetime | None, count: int) -> None:
        super().__init__(data, around=around, moment=moment if data is None else None, count=count)
        usual = around.goal.nbf if around.goal.starts_at > around.now else None
        self.initial = {**self.initial, "nbf": moment or usual, "told_nbf": _text(moment)}

    def clean_nbf(self) -> datetime:
        """Return the start. Raises ValidationError if no show can start then."""
        nbf: datetime = self.cleaned_data["nbf"]
        self.fields["nbf"].refuse_if_wrong(nbf, now=clock.now())  # type: ignore[attr-defined]
        self.moment = nbf
        return nbf

    def is_told(self) -> bool:
        """Tell whether the page has described what this start means."""
        return bool(self.cleaned_data["told_nbf"] == _text(self.moment))

    def tell(self) -> None:
        """Put the start into the hidden field."""
        self.data = {**self.data.dict(), "told_nbf": _text(self.moment)}  # type: ignore[attr-defined]


class StartForm(ButtonForm):
    """The hidden field `told_others` has the ids of the overlapping shows that the page has described."""

    told_others = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, data: Any, *, around: Surroundings, moment: datetime, count: int) -> None:
        super().__init__(data, around=around, moment=moment, count=count)
        self.others = [str(other.pk) for other in _overlapping(around, moment)]
        self.initial = {**self.initial, "told_others": ",".join(self.others)}

    def is_told(self) -> bool:
        """Tell whether the page has described all shows that run at the same time."""
        return set(self.others) <= set(self.cleaned_data["told_others"].split(","))

    def tell(self) -> None:
        """Put the ids of the overlapping shows into the hidden field."""
        self.data = {**self.data.dict(), "told_others": ",".join(self.others)}  # type: ignore[attr-defined]


class _Starting(Button):
    """Gives the show another start. The page shows the text `starts` before the change, and `done` after it."""

    permission = "goals.change_goal"
    starts: ClassVar[Promise]
    done: ClassVar[Promise]

    def tells(self, around: Surroundings, moment: datetime | None) -> Iterator[Told]:
        """Say when the show starts, when its access ends, how many payers are told, and which shows overlap."""
        if moment is None:
            return
        goal = around.goal
        ends = access_exp(target_seconds=goal.levels[-1].target, progress_seconds=0, nbf=moment, started=None)
        by = difference(moment - goal.starts_at)
        yield Told(words(self.starts, at=at(moment), before=at(goal.nbf), difference=by))
        yield Told(words(_("Its payers have access until {at}."), at=at(ends)))
        yield Told(hearing(around))
        others = _overlapping(around, moment)
        may = bool(others) and may_overlap(str(goal.pk), starts_at=moment, now=around.now)
        text = MAY_OVERLAP if may else OVERLAPS
        for other in others:
            link = format_html('<a href="{}">{}</a>', goal_url(other.pk), other.title)
            begins, its_end = other.window
            yield Told(words(text, show=link, begins=at(begins), ends=at(its_end)), is_alarming=True)

    def press(self, around: Surroundings, answers: Mapping[str, Any], *, by: Author) -> Told:
        """Move the show. Say when it starts, and how many payers are told."""
        nbf: datetime = answers.get("nbf") or around.now
        why = {"by": by, "reason": answers["reason"], "if_version": answers["seen_version"]}
        moved = move_show_goal(str(around.goal.pk), nbf=nbf, now=around.now, **why)
        if moved.version == around.goal.version:
            return Told(words(_("Nothing was changed.")), is_alarming=True)
        return Told(format_html("{} {}", words(self.done, at=at(moved.nbf)), hearing(around)))


class Move(_Starting):
    """Moves a scheduled show by some minutes, or to any time."""

    name = "move"
    label = _("Move")
    form = TimeForm
    starts = _("The show starts at {at} instead of {before} ({difference}).")
    done = STARTS

    def links(self, goal: Goal) -> Iterator[tuple[str, str]]:
        """Yield a button for each number of minutes, and one for any time."""
        for minutes in MINUTES:
            yield f"{self.url(goal)}?{BY}={minutes}", str(_("Move by %d min") % minutes)
        yield self.url(goal), str(_("Move to a time"))

    def moment(self, around: Surroundings, minutes: str) -> datetime | None:
        """Return the start plus the minutes, or None if the minutes are not among MINUTES.

        If the show is overdue, the minutes count from now.
        """
        if minutes not in map(str, MINUTES):
            return None
        return max(around.goal.starts_at, around.now.replace(microsecond=0)) + timedelta(minutes=int(minutes))

    def obstacle(self, around: Surroundings) -> Promise | None:
        """Return None for a show that is scheduled."""
        return None if _is_scheduled(around.goal) else _("Only a show that is scheduled can be moved.")


class StartNow(_Starting):
    """Starts a scheduled show immediately."""

    name = "start-now"
    label = _("Start now")
    form = StartForm
    starts = _("The show starts at once, and its payers are let in. This can't be undone.")
    done = _("The show starts now.")

    def moment(self, around: Surroundings, minutes: str) -> datetime:
        """Return the present time, rounded down to the second."""
        del minutes
        return around.now.replace(microsecond=0)

    def obstacle(self, around: Surroundings) -> Promise | None:
        """Return None for a show that is scheduled."""
        return None if _is_scheduled(around.goal) else _("Only a show that is scheduled can be started.")


class BringBack(_Starting):
    """Revives a cancelled show."""

    name = "revive"
    label = _("Bring back")
    form = TimeForm
    starts = _("The cancelled show starts after all, at {at}.")
    done = _("The show was brought back. It starts at {at}.")

    def moment(self, around: Surroundings, minutes: str) -> datetime | None:
        """Return the former start of the show, if it is still in the future."""
        del minutes
        return around.goal.nbf if around.goal.starts_at > around.now else None

    def obstacle(self, around: Surroundings) -> Promise | None:
        """Return None for a cancelled show of a live session, as long as its payments are not settled."""
        if not (isinstance(around.goal, ShowGoal) and CANCELLED.holds(around.goal)):
            return _("Only a show that is cancelled can be brought back.")
        if not around.has_live_session:
            return _("The session has ended, so the show can't be brought back.")
        if not around.has_unsettled_payments:
            return _("It was decided what becomes of the payments, so the show can't be brought back.")
        return None


def _is_scheduled(goal: Goal) -> bool:
    return isinstance(goal, ShowGoal) and SCHEDULED.holds(goal)


def _overlapping(around: Surroundings, moment: datetime) -> list[Goal]:
    """Return the session's other shows that the show overlaps if it starts at `moment`."""
    return shows_beside(around.goal, around.session, starts_at=moment) if around.session else []


def _text(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}" if moment else ""
