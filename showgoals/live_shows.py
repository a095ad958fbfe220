"""The use cases that end a live show early, or let it last longer."""

from datetime import datetime, timedelta

from django.utils.translation import gettext_lazy as _

from api.audit import Author
from config.errors import ProductError, raises
from goals.access import whole_second_after
from goals.ending import end_goal
from goals.errors import AlreadyEnded, GoalNotFound, NotStarted
from goals.kinds import GoalKind
from goals.lookup import goal_of_kind
from goals.models import Goal
from goals.payloads import GoalUpdated, UpdateReason
from goals.signals import announce, goal_updated
from goals.states import ENDED, LIVE
from goals.versions import change_goal, check_changes_left
from sessions_app.errors import ShowOverlaps
from sessions_app.models import Session
from showgoals.change_notes import note_change
from showgoals.models import ShowGoal
from showgoals.overlaps import overlapping_shows

# Even a show that was planned for a day, which is the longest possible plan, can be extended by a day.
LONGEST_SHOW_SECONDS = 2 * 24 * 60 * 60


class NotAShow(ProductError):
    """Only shows can be ended or extended. A funding goal can be closed, or get another `exp`."""

    code = "not_a_show"
    status = 409
    detail = _("Only shows can be ended or extended.")


class ShowTooLong(ProductError):
    """The show would last longer than two days."""

    code = "show_too_long"
    status = 409
    detail = _("A show can't last longer than two days.")


@raises(GoalNotFound, NotAShow, NotStarted, AlreadyEnded)
def end_show(goal_id: str, *, now: datetime, by: Author | None, reason: str = "") -> Goal:
    """End the live show now: its `exp` becomes the present moment, rounded up to a whole second.

    Its beginning (`context.started`) is rounded up too, so a show that has lasted its full length never counts as ended
    early. The timeline and the record of changes name the author `by`. The record also has the `reason`. Credentials
    that payers already have stay valid until the moment when the access would otherwise have ended. Runs in the
    caller's transaction.
    """
    show = live_show(goal_id, now=now, otherwise=NotAShow)
    end_goal(show, ended_at=whole_second_after(now))
    ended = Goal.objects.get(pk=goal_id)
    note_change("end_show", show, ended, by=by, reason=reason)
    return ended


@raises(GoalNotFound, NotAShow, NotStarted, AlreadyEnded, check_changes_left, ShowTooLong, ShowOverlaps)
def extend_show(goal_id: str, *, seconds: int, now: datetime, by: Author | None) -> Goal:
    """Let the live show last longer. Its target grows, so the access ends later, and payers get new credentials.

    The added time must not overlap another show of the session. The timeline and the record of changes name the
    author `by`. Runs in the caller's transaction. Not idempotent.
    """
    show = live_show(goal_id, now=now, otherwise=NotAShow)
    check_changes_left(show)
    level = show.levels_data()[-1]
    longer = {**level, "target": level["target"] + seconds}
    if longer["target"] > LONGEST_SHOW_SECONDS:
        raise ShowTooLong(goal_id=goal_id)
    _, ends = show.window
    session = Session.objects.get(pk=show.conditions.session_id)
    for other in overlapping_shows(session, (ends, ends + timedelta(seconds=seconds)), beside=show.pk):
        raise ShowOverlaps(session_id=str(session.pk), show_goal_id=str(other.pk))
    levels = [*show.levels_data()[:-1], longer]
    extended = change_goal({"_id": show.pk, **LIVE.condition(GoalKind.SHOW)}, {"levels": levels})
    if extended is None:
        raise AlreadyEnded(goal_id=goal_id)
    announce(goal_updated, GoalUpdated.of(extended, reason=UpdateReason.CHANGED, access_ended=ends))
    note_change("extend_show", show, extended, by=by)
    return extended


def live_show(goal_id: str, *, now: datetime, otherwise: type[ProductError]) -> ShowGoal:
    """Return the show if its viewers have access now. If the goal is not a show, raise `otherwise`.

    Raise NotStarted if the show has not started. Raise AlreadyEnded if it has ended, or if its time is over and a
    queued message is about to end it.
    """
    show = goal_of_kind(ShowGoal, goal_id, otherwise=otherwise)
    if ENDED.holds(show) or (LIVE.holds(show) and now >= show.window[1]):
        raise AlreadyEnded(goal_id=goal_id)
    if not LIVE.holds(show):
        raise NotStarted(goal_id=goal_id)
    return show
