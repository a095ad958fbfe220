"""The filters of `GET /goals`."""

from datetime import datetime

from django.db.models import Q, QuerySet
from django.utils import timezone
from django_filters.rest_framework import ChoiceFilter, FilterSet, TypedChoiceFilter

from api.filters import IdFilter
from goals.kinds import GoalKind
from goals.models import Goal
from goals.states import GoalStatus

KINDS = {kind.wire_type: kind for kind in GoalKind}


class GoalFilters(FilterSet):
    """Filters by type, status and session, and for the show of a funding goal."""

    type = TypedChoiceFilter(field_name="kind", choices=[(name, name) for name in KINDS], coerce=KINDS.get)
    status = ChoiceFilter(choices=GoalStatus.choices, method="with_status")
    session_id = IdFilter(field_name="conditions__session_id")
    funding_goal_id = IdFilter(method="show_of")

    def with_status(self, goals: QuerySet[Goal], _name: str, status: str) -> QuerySet[Goal]:
        """Keep the goals that have this status now."""
        return goals.filter(by_status(timezone.now())[status])

    def show_of(self, goals: QuerySet[Goal], _name: str, funding_goal_id: str) -> QuerySet[Goal]:
        """Keep the funding goal's show. Because the query names the kind, it uses a unique index."""
        return goals.filter(kind=GoalKind.SHOW, context__funding_goal_id=funding_goal_id)


def by_status(now: datetime) -> dict[str, Q]:
    """Return the condition of each status, for all kinds of goal that can have it."""
    conditions: dict[str, Q] = {}
    for kind, proxy in Goal.proxies.items():
        for state in proxy.STATES:
            conditions[state.name] = conditions.get(state.name, Q()) | state.q(kind, now=now)
    return conditions
