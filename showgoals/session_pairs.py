"""Keeps the list of a session's pairs short, because every read of the session reads the whole list."""

from collections.abc import Sequence
from datetime import datetime

from bson import ObjectId

from config.errors import raises
from goals.kinds import GoalKind
from goals.models import Goal
from goals.states import OPEN
from mongodb.collections import collection
from sessions_app.models import Session, ShowGoalPair
from showgoals.errors import TooManyOpenGoals

# One transaction ends a session together with its open goals, so the number of these goals is limited.
MOST_OPEN_GOALS = 20
MOST_PAIRS = 50
GOALS = Goal._meta.db_table


@raises(TooManyOpenGoals)
def make_room(session: Session, *, now: datetime) -> None:
    """Make room for the pair of a new funding goal: if there are MOST_PAIRS pairs, remove the oldest finished ones.

    Raise TooManyOpenGoals if MOST_OPEN_GOALS funding goals of the session are open, or if MOST_PAIRS pairs are not
    finished. Runs in the caller's transaction, which then adds the pair to the session. So if two funding goals are
    created at once, MongoDB aborts one creation, and its retry sees the other goal.
    """
    pairs = session.show_goal_pairs
    unended = [pair.funding_goal for pair in pairs if not pair.funding_ended]
    if len(unended) >= MOST_OPEN_GOALS and _count_open(unended, now=now) >= MOST_OPEN_GOALS:
        raise TooManyOpenGoals(session_id=str(session.pk))
    surplus = len(pairs) + 1 - MOST_PAIRS
    if surplus <= 0:
        return
    finished = _finished(pairs)
    if len(finished) < surplus:
        raise TooManyOpenGoals(session_id=str(session.pk))
    leave = {"funding_goal": {"$in": finished[:surplus]}}
    collection(Session._meta.db_table).update_one({"_id": session.pk}, {"$pull": {"show_goal_pairs": leave}})


def _count_open(funding_goals: Sequence[ObjectId], *, now: datetime) -> int:
    still_open = {"_id": {"$in": list(funding_goals)}, **OPEN.condition(GoalKind.SHOW_FUNDING, now=now)}
    count: int = collection(GOALS).count_documents(still_open)
    return count


def _finished(pairs: Sequence[ShowGoalPair]) -> list[ObjectId]:
    """Return the ids of the funding goals of the pairs that can't change any more, in the order of the pairs.

    The show of such a pair has ended, or its funding goal is settled.
    """
    without_ended_show = [pair.funding_goal for pair in pairs if not pair.show_ended]
    settled = {"_id": {"$in": without_ended_show}, "settlement": {"$ne": None}}
    decided = {goal["_id"] for goal in collection(GOALS).find(settled, {"_id": True})}
    return [pair.funding_goal for pair in pairs if pair.show_ended or pair.funding_goal in decided]
