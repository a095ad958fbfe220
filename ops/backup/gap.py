"""Prepares a restored database for the product, because time has passed since the backup.

The product does not know what happened in between. So anything that was due meanwhile, and can't be undone, is held
back.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from goals.ending import move_end
from goals.holding import HeldShow, held_shows, hold_overdue, mark_live
from goals.kinds import GoalKind
from goals.models import Goal
from goals.states import ACTIVE
from mongodb.collections import collection
from sessions_app.models import Session
from showgoals.settlement.lapsing import schedule_lapse
from showgoals.settlement.settling import UNSETTLED
from taskqueue.messages import MESSAGES, RELEASED

GOALS = Goal._meta.db_table
SESSIONS = Session._meta.db_table


@dataclass(frozen=True, slots=True)
class Gap:
    """What was due between the backup and now.

    `held` lists the shows that are now held, and `live` counts those that were live. `closing` counts the funding goals
    that close now instead of earlier, and `postponed` those that lapse later than planned.
    """

    held: list[HeldShow]
    live: int
    closing: int
    postponed: int


def bridge(*, at: datetime, now: datetime) -> Gap:
    """Prepare the database, which has the state of the moment `at`, for the product at `now`. Return what was due."""
    _release_claims(now=now)
    _outdate_caches(now=now)
    hold_overdue(before=now)
    return Gap(
        held=held_shows(now=now),
        live=mark_live(at=at),
        closing=_close_now(now=now),
        postponed=_postpone_lapses(at=at, now=now),
    )


def _release_claims(*, now: datetime) -> None:
    """Free the messages that workers held at the moment of the backup.

    Otherwise a message would stay held for as long as its worker lives, although the worker uses another database.
    """
    collection(MESSAGES).update_many({"owner": {"$type": "string"}}, {"$set": {"lock": now}, "$unset": RELEASED})


def _outdate_caches(*, now: datetime) -> None:
    """Raise the cache versions above those used since the backup, because the cache may still hold their entries.

    Versions rise by one with each change, so the present time in milliseconds is far above them.
    """
    above = {"$max": ["$cache_version", int(now.timestamp() * 1000)]}
    collection(SESSIONS).update_many({}, [{"$set": {"cache_version": above}}])


def _close_now(*, now: datetime) -> int:
    """Close now the funding goals that would have closed since the backup. Return their number.

    Their streamers' time to create a show begins now.
    """
    without_show = {**ACTIVE.condition(GoalKind.SHOW_FUNDING), "context.show_goal_id": None}
    due = {**without_show, "exp": {"$lte": now}}
    ids = [goal["_id"] for goal in collection(GOALS).find(due, {"_id": True})]
    exp = now.replace(microsecond=0)
    for goal_id in ids:
        collection(GOALS).update_one({"_id": goal_id}, {"$set": {"exp": exp}})
        move_end(str(goal_id), exp)
    return len(ids)


def _postpone_lapses(*, at: datetime, now: datetime) -> int:
    """Let funding goals that would have lapsed since the backup lapse later. Return their number.

    Each gets as much time from now on as it still had at the moment of the backup.
    """
    due = {"_cls": GoalKind.SHOW_FUNDING.value, **UNSETTLED, "lapses_at": {"$lte": now}}
    goals = list(collection(GOALS).find(due, {"lapses_at": True}))
    for goal in goals:
        left = max(timedelta(0), goal["lapses_at"].replace(tzinfo=at.tzinfo) - at)
        lapses_at = (now + left).replace(microsecond=0)
        collection(GOALS).update_one({"_id": goal["_id"]}, {"$set": {"lapses_at": lapses_at}})
        schedule_lapse(str(goal["_id"]), lapses_at)
    return len(goals)
