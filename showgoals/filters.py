"""The filters of `GET /goals`."""

from datetime import datetime

from django.db.models import Q, QuerySet
from django.utils import timezone
from django_filters.rest_framework import ChoiceFilter, FilterSet, TypedChoiceFilter

from api.filters import IdFilter
from goals.kinds import WIRE_TYPES, GoalKind, GoalStatus
from goals.models import Goal

KINDS = {wire_type: kind for kind, wire_type in WIRE_TYPES.items()}


class GoalFilters(FilterSet):
    """Goals of a type, in a state, of a session; the show of a funding goal."""

    type = TypedChoiceFilter(field_name="kind", choices=[(name, name) for name in KINDS], coerce=KINDS.get)
    status = ChoiceFilter(choices=GoalStatus.choices, method="with_status")
    session_id = IdFilter(field_name="conditions__session_id")
    funding_goal_id = IdFilter(method="show_of")

    def with_status(self, goals: QuerySet[Goal], _name: str, status: str) -> QuerySet[Goal]:
        """Keep the goals that are here in their life now."""
        return goals.filter(by_status(timezone.now())[status])

    def show_of(self, goals: QuerySet[Goal], _name: str, funding_goal_id: str) -> QuerySet[Goal]:
        """Keep the funding goal's show; naming the kind lets a unique index find it."""
        return goals.filter(kind=GoalKind.SHOW, context__funding_goal_id=funding_goal_id)


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
