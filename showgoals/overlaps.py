"""Finds shows of one session that would run at the same time."""

from collections.abc import Iterator
from datetime import datetime

from bson import ObjectId

from goals.access import access_exp
from goals.holding import is_held
from goals.kinds import GoalKind
from goals.models import Goal
from goals.states import UNENDED
from sessions_app.models import Session
from showgoals.models import ShowGoal


def overlapping_shows(
    session: Session, window: tuple[datetime, datetime], *, beside: ObjectId | None = None
) -> Iterator[Goal]:
    """Yield the session's scheduled and live shows that overlap `window`, except the show with the id `beside`."""
    begins, ends = window
    others = [pair.show_goal for pair in session.show_goal_pairs if pair.show_goal not in (None, beside)]
    for show in ShowGoal.objects.filter(UNENDED.q(GoalKind.SHOW), pk__in=others) if others else ():
        other_begins, other_ends = show.window
        if other_begins < ends and begins < other_ends:
            yield show


def shows_beside(show: Goal, session: Session, *, starts_at: datetime) -> list[Goal]:
    """Return the session's other shows that the show overlaps if it starts at `starts_at`."""
    target_seconds = show.levels[-1].target
    ends_at = access_exp(target_seconds=target_seconds, progress_seconds=0, nbf=starts_at, started=None)
    return list(overlapping_shows(session, (starts_at, ends_at), beside=show.pk))


def may_overlap(goal_id: str, *, starts_at: datetime, now: datetime) -> bool:
    """Tell whether a change may make the show overlap others. Only a held show that starts now may.

    Like any late show, it may overlap others, because its payers must get the whole length.
    """
    return starts_at <= now and is_held(goal_id)


def overlaps_of(show: Goal) -> list[str]:
    """Return the ids of the session's other shows that the show overlaps, for example because it began late."""
    session = Session.objects.get(pk=show.conditions.session_id)
    return [str(other.pk) for other in overlapping_shows(session, show.window, beside=show.pk)]
