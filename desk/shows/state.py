"""Says in which state a goal is, how late a show started, and why.

The sentences also say what a late start means for the payers.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from desk.moments import at, duration, words
from desk.shows.panels import Surroundings
from goals.holding import is_held
from goals.lateness import find_cause
from goals.models import Goal
from goals.payloads import CancelReason
from goals.starting import LATE_AFTER
from goals.states import GoalStatus
from ops.readiness import living_clusters
from showgoals.models import ShowFundingGoal, ShowGoal

CANCELLED_BECAUSE = {
    CancelReason.CANCELLED.value: _("Cancelled at {at}, by its streamer or by staff."),
    CancelReason.SESSION_ENDED.value: _("Cancelled at {at}, because its session ended."),
    CancelReason.MISSED.value: _("Cancelled at {at}, because it was too late to start it."),
}
# About a held show (see goals/holding.py).
HELD = _(
    "It was due before the database was restored from a backup, so it waits for a person to start, move or cancel it. "
    "If it was performed after the backup, do not cancel it: its payments would go back."
)


@dataclass(frozen=True, slots=True)
class Situation:
    """Sentences about a goal's state. `until` is the moment to which the page counts down, if any."""

    text: SafeString
    is_alarming: bool = False
    until: datetime | None = None


def situation_of(around: Surroundings) -> Situation:
    """Say in which state the goal is."""
    goal, now = around.goal, around.now
    if isinstance(goal, ShowGoal):
        return _of_show(goal, around)
    if isinstance(goal, ShowFundingGoal):
        return _of_funding_goal(goal, now=now)
    return Situation(words(_("It is {status}."), status=goal.status(now).label))


def lateness(show: Goal) -> timedelta:
    """Return how late the show started; 0 if it has not started, or if it was late by at most LATE_AFTER."""
    if show.activated_at is None:
        return timedelta(0)
    late = show.activated_at - max(show.starts_at, show.created_at)
    return late if late > LATE_AFTER else timedelta(0)


def _of_show(show: ShowGoal, around: Surroundings) -> Situation:
    now = around.now
    match show.status(now):
        case GoalStatus.SCHEDULED if show.starts_at > now:
            return Situation(words(_("Scheduled. It starts at {at}."), at=at(show.starts_at)), until=show.starts_at)
        case GoalStatus.SCHEDULED:
            return _overdue(show, now=now)
        case GoalStatus.CANCELLED:
            return Situation(_sentences(*_how_it_was_cancelled(show, around)))
    ends = show.window[1]
    if show.exp is not None:
        early = _("Ended early, at {at}.") if show.exp < ends else _("Ended at {at}.")
        return Situation(_sentences(words(early, at=at(show.exp)), *_how_it_started(show, is_over=True)))
    if now >= ends:
        over = words(_("The show should have ended at {at}. A qcluster will end it."), at=at(ends))
        return Situation(_sentences(over, *_how_it_started(show, is_over=True)), is_alarming=True)
    live = words(_("Live until {at}."), at=at(ends))
    text = _sentences(live, *_how_it_started(show, is_over=False))
    return Situation(text, is_alarming=lateness(show) > timedelta(0), until=ends)


def _how_it_was_cancelled(show: ShowGoal, around: Surroundings) -> Iterator[SafeString]:
    because = CANCELLED_BECAUSE.get(show.cancel_reason or "", _("Cancelled at {at}."))
    yield words(because, at=at(show.cancelled_at))
    if around.has_live_session and around.has_unsettled_payments:
        yield words(_("It can be brought back."))


def _how_it_started(show: ShowGoal, *, is_over: bool) -> Iterator[SafeString]:
    late = lateness(show)
    if late:
        yield words(_("It started {late} late: {why}."), late=duration(late), why=_why_late(show))
    else:
        yield words(_("It started on time."))
    if show.context.started_by == "system":
        ends = show.window[1]
        lasted = _("Its length counted from the late start, so it should have lasted until {at}.")
        lasts = _("Payers get the whole length of the show, until {at}.")
        if not is_over or (show.exp is not None and show.exp < ends):
            yield words(lasted if is_over else lasts, at=at(ends))
    elif show.context.started is not None:
        began = _("The streamer began at {at}. The length of the show counts from then on.")
        yield words(began, at=at(show.context.started))


def _why_late(show: ShowGoal) -> SafeString:
    cause = find_cause(show)
    gap = cause.gap
    if gap is None:
        ran = _("the cause is not known, because a qcluster was running")
        return words(ran if cause.cluster_ran else _("the cause is not known"))
    if gap.since is None:
        return words(_("no qcluster was alive until {until}"), until=at(gap.until))
    return words(_("no qcluster was alive from {since} to {until}"), since=at(gap.since), until=at(gap.until))


def _overdue(show: ShowGoal, *, now: datetime) -> Situation:
    overdue = now - max(show.starts_at, show.created_at)
    late = words(_("It should have started at {at}, {late} ago."), at=at(show.starts_at), late=duration(overdue))
    return Situation(_sentences(late, _why_overdue(show, now=now)), is_alarming=True)


def _why_overdue(show: ShowGoal, *, now: datetime) -> SafeString:
    if is_held(str(show.pk)):
        return words(HELD)
    latest = show.starts_at + timedelta(seconds=settings.START_GRACE)
    if now > latest:
        return words(_("That is too late to start it, so it will be cancelled unless it is moved."))
    alive = living_clusters()
    if not alive:
        text = _("No qcluster is alive. The show starts as soon as one is, but not after {at}: then it is cancelled.")
        return words(text, at=at(latest))
    if any(cluster.get("problem") for cluster in alive):
        return words(_("A qcluster is alive, but it is hindered. The metrics and its log say by what."))
    return words(_("A qcluster is alive, so it should start at any moment."))


def _of_funding_goal(goal: ShowFundingGoal, *, now: datetime) -> Situation:
    if goal.status(now) == GoalStatus.OPEN:
        if goal.exp is None:
            return Situation(words(_("Open until somebody closes it.")))
        return Situation(words(_("Open. It takes payments until {at}."), at=at(goal.exp)), until=goal.exp)
    closed = words(_("Closed at {at}."), at=at(goal.exp))
    if goal.settlement is not None:
        state = goal.settlement.get_state_display()
        return Situation(_sentences(closed, words(_("Its payments: {state}."), state=state)))
    if goal.lapses_at is not None:
        no_show = _("Unless it gets a show, its payments are due back at {at}.")
        cancelled = _("Unless its show is brought back, its payments are due back at {at}.")
        waits = words(cancelled if goal.context.show_goal_id else no_show, at=at(goal.lapses_at))
        return Situation(_sentences(closed, waits), until=goal.lapses_at)
    if goal.context.show_goal_id is not None:
        return Situation(_sentences(closed, words(_("It has a show."))))
    return Situation(_sentences(closed, words(_("A person decides what becomes of its payments."))), is_alarming=True)


def _sentences(*sentences: SafeString) -> SafeString:
    return format_html_join(" ", "{}", ((sentence,) for sentence in sentences)) or format_html("")
