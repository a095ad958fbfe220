"""The data that a client gets when it subscribes to a streamer's channel: the running session and its goals.

All of the data is cached, except for the progress of funding goals.
"""

from datetime import datetime
from typing import Any

from bson import ObjectId
from django.core.cache import cache

from config import clock
from goals.kinds import GoalKind
from goals.models import Goal
from mongodb.collections import collection
from notifications.channels import STREAMER_CHANNEL
from sessions_app.models import Session, SessionStatus
from sessions_app.serializers import SessionSerializer
from showgoals.serializers import GoalSerializer
from showgoals.session_pairs import MOST_PAIRS

CACHED_SECONDS = 60.0
SAFETY_SECONDS = 0.05  # longer than it takes to store the data
# The limit is low, because every subscriber gets all of these goals.
MOST_GOALS = 30

ChannelData = dict[str, Any]
GoalData = dict[str, Any]


def channel_data(channel: str) -> ChannelData | None:
    """Return `{session, goals}` for one of the three streamer channels, or None for any other channel.

    `session` is the streamer's newest live session, or null; `goals` are the goals of its pairs, newest first. If there
    are more than MOST_GOALS, inactive goals are left out before active ones, and then older goals before newer ones.
    The version in the cache key is read before the data, so cached data is never older than its key
    (docs/adr/0015-cache-version.md).
    """
    if not (match := STREAMER_CHANNEL.match(channel)):
        return None
    live = Session.objects.filter(user_id=match[1], status=SessionStatus.LIVE)
    session = live.order_by("-created_at", "-pk").first()
    if session is None:
        return {"session": None, "goals": []}
    key = f"channel-data:{session.pk}:{session.cache_version}"
    data: ChannelData | None = cache.get(key)
    if data is None:
        now = clock.now()  # before the read, so that data is not cached beyond a goal's closing
        session.show_goal_pairs = session.show_goal_pairs[-MOST_PAIRS:]  # an earlier release may have stored more pairs
        goals = _goals(session)
        data = {"session": SessionSerializer(session).data, "goals": GoalSerializer(goals, many=True).data}
        cache.set(key, data, _seconds_unchanged(goals, now=now))
    return {**data, "goals": _with_progress(data["goals"])}


def _goals(session: Session) -> list[Goal]:
    ids = [goal for pair in session.show_goal_pairs for goal in (pair.funding_goal, pair.show_goal) if goal]
    goals = Goal.objects.filter(pk__in=ids) if ids else ()
    newest_first = sorted(goals, key=lambda goal: (goal.created_at, goal.pk), reverse=True)
    if len(newest_first) <= MOST_GOALS:
        return newest_first
    shown = set(sorted(newest_first, key=lambda goal: not goal.active)[:MOST_GOALS])
    return [goal for goal in newest_first if goal in shown]


def _with_progress(goals: list[GoalData]) -> list[GoalData]:
    """Return the goals with the `progress` that is stored now. Payments change it without raising the version.

    Reading the progress takes 0.4 ms for each caller. If instead each fold raised the session's version, folds would
    conflict with the start of the session's show (docs/adr/0015-cache-version.md).
    """
    funded = [ObjectId(goal["id"]) for goal in goals if goal["type"] == GoalKind.SHOW_FUNDING.wire_type]
    if not funded:
        return goals
    found = collection("goals").find({"_id": {"$in": funded}}, {"progress": True})
    progress = {str(goal["_id"]): goal["progress"] for goal in found}
    return [{**goal, "progress": progress.get(goal["id"], goal["progress"])} for goal in goals]


def _seconds_unchanged(goals: list[Goal], *, now: datetime) -> float:
    """Return for how many seconds the data may be cached. A funding goal closes at its `exp`, without a write."""
    closings = [(goal.exp - now).total_seconds() for goal in goals if goal.exp is not None and goal.exp > now]
    return max(0.0, min([CACHED_SECONDS, *closings]) - SAFETY_SECONDS)
