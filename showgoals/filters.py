"""The filters of `GET /goals`."""

from datetime import UTC, datetime
from functools import reduce
from operator import or_
from typing import Any

from bson import ObjectId
from django.db.models import Q, QuerySet
from django_filters.rest_framework import BaseInFilter, ChoiceFilter, FilterSet, TypedChoiceFilter

from api.filters import IdFilter, SecondsFilter
from api.pagination import NewestFirst
from config import clock
from goals.kinds import GoalKind
from goals.models import Goal, TimelineKind, TimelineRow
from goals.states import CANCELLED, LIVE, OPEN, SCHEDULED, GoalStatus, State
from mongodb.collections import collection

KINDS = {kind.wire_type: kind for kind in GoalKind}
MOST_FEW = 2000
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
# For each rare status: its state, the only kind of goal that can be in this state, and the field and the condition of
# the index that finds these goals.
_FEW: dict[GoalStatus, tuple[State, GoalKind, str, dict[str, Any]]] = {
    GoalStatus.SCHEDULED: (SCHEDULED, GoalKind.SHOW, "nbf", {}),
    GoalStatus.LIVE: (LIVE, GoalKind.SHOW, "nbf", {}),
    GoalStatus.OPEN: (OPEN, GoalKind.SHOW_FUNDING, "exp", {"active": True}),
    GoalStatus.CANCELLED: (CANCELLED, GoalKind.SHOW, "cancelled_at", {"cancelled_at": {"$gt": EARLIEST}}),
}


class StatusFilter(BaseInFilter, ChoiceFilter):
    """Takes one status or several, separated by commas."""


class TimelineFilters(FilterSet):
    """Filters rows by kind. The pagination applies the order."""

    kind = ChoiceFilter(choices=TimelineKind.choices)
    order = ChoiceFilter(choices=[(order, order) for order in ("seq", "-seq")], method="in_order")

    def in_order(self, rows: QuerySet[TimelineRow], _name: str, _order: str) -> QuerySet[TimelineRow]:
        """Leave the rows unsorted, because the pagination `InOrder` sorts them."""
        return rows


class GoalsInOrder(NewestFirst):
    """Pages of goals, newest first unless the query asks for another order."""

    orders = ("-created_at", "created_at", "nbf", "-nbf")


class GoalFilters(FilterSet):
    """Filters goals by type, status, session, age and funding goal. The pagination applies the order."""

    type = TypedChoiceFilter(field_name="kind", choices=[(name, name) for name in KINDS], coerce=KINDS.get)
    status = StatusFilter(choices=GoalStatus.choices, method="with_status")
    session_id = IdFilter(field_name="conditions__session_id")
    funding_goal_id = IdFilter(method="show_of")
    created_after = SecondsFilter(field_name="created_at", lookup_expr="gte")
    created_before = SecondsFilter(field_name="created_at", lookup_expr="lt")
    order = ChoiceFilter(choices=[(order, order) for order in GoalsInOrder.orders], method="in_order")

    def with_status(self, goals: QuerySet[Goal], _name: str, statuses: list[str]) -> QuerySet[Goal]:
        """Keep the goals that have one of these statuses now."""
        conditions = by_status(clock.now())
        return goals.filter(reduce(or_, (conditions[status] for status in statuses)))

    def show_of(self, goals: QuerySet[Goal], _name: str, funding_goal_id: str) -> QuerySet[Goal]:
        """Keep the funding goal's show. Because the query names the kind, it uses a unique index."""
        return goals.filter(kind=GoalKind.SHOW, context__funding_goal_id=funding_goal_id)

    def in_order(self, goals: QuerySet[Goal], _name: str, _order: str) -> QuerySet[Goal]:
        """Leave the goals unsorted, because the pagination `GoalsInOrder` sorts them."""
        return goals


def few_with_status(status: str, *, now: datetime) -> list[ObjectId] | None:
    """Return the ids of the latest goals with this status, at most MOST_FEW. Return None if the status is not rare.

    A status is not rare if most goals have it in the end, or if goals of several kinds can have it. If MongoDB read the
    goals in the order of creation, it would scan all goals to find the few with a rare status. Other indexes find these
    goals directly.
    """
    if status not in _FEW:
        return None
    state, kind, field, indexed = _FEW[GoalStatus(status)]
    if [each for each, proxy in Goal.proxies.items() if state in proxy.STATES] != [kind]:
        return None
    condition = {**state.condition(kind, now=now), **indexed}
    found = collection(Goal._meta.db_table).find(condition, {"_id": True}).sort(field, -1).limit(MOST_FEW)
    return [goal["_id"] for goal in found]


def by_status(now: datetime) -> dict[str, Q]:
    """Return the condition of each status, for all kinds of goal that can have it."""
    conditions: dict[str, Q] = {}
    for kind, proxy in Goal.proxies.items():
        for state in proxy.STATES:
            conditions[state.name] = conditions.get(state.name, Q()) | state.q(kind, now=now)
    return conditions
