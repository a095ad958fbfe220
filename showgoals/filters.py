"""The filters of `GET /goals`."""

from collections.abc import Mapping
from datetime import datetime
from typing import TypeVar

from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ErrorDetail, ValidationError

from goals.kinds import WIRE_TYPES, GoalKind, GoalStatus
from goals.models import Goal

T = TypeVar("T")
KINDS = {wire_type: kind for kind, wire_type in WIRE_TYPES.items()}


def filter_goals(goals: QuerySet[Goal], query: Mapping[str, str], *, now: datetime) -> QuerySet[Goal]:
    """Narrow the goals by `type`, `status` and `funding_goal_id`. Raises ValidationError naming the parameter."""
    if (wire_type := query.get("type")) is not None:
        goals = goals.filter(kind=_known("type", wire_type, KINDS))
    if (status := query.get("status")) is not None:
        goals = goals.filter(_known("status", status, by_status(now)))
    if (funding_goal_id := query.get("funding_goal_id")) is not None:
        goals = goals.filter(kind=GoalKind.SHOW, context__funding_goal_id=funding_goal_id)
    return goals


def by_status(now: datetime) -> dict[str, Q]:
    """Return the condition of each status."""
    show = Q(kind=GoalKind.SHOW)
    funding = Q(kind=GoalKind.SHOW_FUNDING)
    untouched = show & Q(cancelled_at=None, exp=None)
    return {
        GoalStatus.SCHEDULED: untouched & Q(activated_at=None),
        GoalStatus.LIVE: untouched & Q(activated_at__isnull=False),
        GoalStatus.ENDED: show & Q(exp__isnull=False),
        GoalStatus.CANCELLED: show & Q(cancelled_at__isnull=False),
        GoalStatus.OPEN: funding & (Q(exp=None) | Q(exp__gte=now)),
        GoalStatus.CLOSED: funding & Q(exp__lt=now),
    }


def _known(name: str, value: str, choices: Mapping[str, T]) -> T:
    if value not in choices:
        allowed = ", ".join(choices)
        raise ValidationError({name: [ErrorDetail(str(_("Must be one of: %s.") % allowed), "invalid_choice")]})
    return choices[value]
