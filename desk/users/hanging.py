"""What depends on an account: live sessions, unfinished goals, keys for servers, and payments."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bson import ObjectId
from django.contrib.auth.models import User

from api.models import ChangeRecord, ServerKey
from goals.models import Goal
from goals.states import GoalStatus
from mongodb.collections import collection
from mongodb.documents import fetch
from sessions_app.models import Session, SessionStatus
from showgoals.exclusions import funding_goal_of
from showgoals.models import Contribution, ShowFundingGoal, ShowGoal
from showgoals.own_contributions import OwnContribution, own_contributions

RECORDS = ChangeRecord._meta.db_table
MOST_PAYMENTS = 10
NOT_OVER = (GoalStatus.SCHEDULED, GoalStatus.LIVE, GoalStatus.OPEN)


@dataclass(frozen=True, slots=True)
class Unfinished:
    """An unfinished show or funding goal of a live session, and how many viewers have paid for it."""

    goal: Goal
    status: GoalStatus
    payers: int


@dataclass(frozen=True, slots=True)
class Hanging:
    """The live sessions of a streamer, and the unfinished goals in them."""

    sessions: list[Session]
    goals: list[Unfinished]


def hanging_on(user: User, *, now: datetime) -> Hanging:
    """Return the user's live sessions and their unfinished goals, with at most two queries."""
    sessions = fetch(Session.objects.filter(user_id=user.pk, status=SessionStatus.LIVE))
    ids = [goal for each in sessions for pair in each.show_goal_pairs for goal in (pair.funding_goal, pair.show_goal)]
    goals = fetch(Goal.objects.filter(pk__in=[goal for goal in ids if goal])) if any(ids) else []
    return Hanging(sessions, list(_unfinished(goals, now=now)))


def keys_made_by(user: User) -> list[ServerKey]:
    """Return the valid keys for servers that the user has made. Deactivating the user does not revoke them."""
    valid = ServerKey.objects.filter(revoked_at=None)
    by_user = [ObjectId(key_id) for key_id in _keys_added(by_id=str(user.pk))]
    # A key that is older than the record of changes has only its maker's name. Another user may have this name now.
    named = valid.filter(created_by=user.get_username(), created_at__gte=user.date_joined)
    recorded = _keys_added(subject_id={"$in": [str(key.pk) for key in named]})
    unrecorded = [key.pk for key in named if str(key.pk) not in recorded]
    return list(valid.filter(pk__in=[*by_user, *unrecorded]).order_by("pk"))


def latest_payments(user: User) -> list[OwnContribution]:
    """Return the user's latest payments, newest first."""
    viewer_id = str(user.pk)
    paid = fetch(Contribution.objects.filter(viewer_id=viewer_id).order_by("-created_at", "-pk")[:MOST_PAYMENTS])
    return own_contributions(paid, viewer_id=viewer_id)


def _keys_added(**condition: Any) -> set[str]:
    added = {**condition, "action": "add", "subject_type": ServerKey._meta.label_lower}
    return {record["subject_id"] for record in collection(RECORDS).find(added, {"subject_id": True})}


def _unfinished(goals: list[Goal], *, now: datetime) -> Iterator[Unfinished]:
    payers = {str(goal.pk): goal.payers or 0 for goal in goals if isinstance(goal, ShowFundingGoal)}
    for goal in goals:
        status = goal.status(now)
        if status in NOT_OVER and isinstance(goal, ShowGoal | ShowFundingGoal):
            yield Unfinished(goal, status, payers.get(funding_goal_of(goal), 0))
