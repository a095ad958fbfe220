"""For every goal, the predicate, the MongoDB condition and the Q of each state agree."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from goals import states
from goals.kinds import GoalKind
from goals.models import Goal
from goals.states import State
from mongodb.collections import collection
from tests.factories.moments import NOW

pytestmark = pytest.mark.django_db

STATES = [value for value in vars(states).values() if isinstance(value, State)]
MISSING = object()
moments = st.sampled_from([NOW + timedelta(milliseconds=ms) for ms in (-1000, -1, 0, 1, 1000)])
unset_or_moment = st.one_of(st.just(MISSING), st.none(), moments)
documents = st.fixed_dictionaries(
    {
        "_cls": st.sampled_from([kind.value for kind in GoalKind]),
        "active": st.booleans(),
        "activated_at": unset_or_moment,
        "cancelled_at": unset_or_moment,
        "exp": unset_or_moment,
    }
)
nows = st.sampled_from([NOW + timedelta(microseconds=us) for us in (0, 1, 999)])


@given(many=st.lists(documents, min_size=1, max_size=40), now=nows)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_predicate_condition_and_q_find_the_same_goals(many: list[dict[str, Any]], now: datetime) -> None:
    goals = collection("goals")
    goals.delete_many({})
    goals.insert_many([_stored(document) for document in many])
    everything = list(Goal.objects.all())
    for state in STATES:
        for kinds in ([GoalKind.SHOW], [GoalKind.SHOW_FUNDING], [GoalKind.SHOW, GoalKind.SHOW_FUNDING]):
            holding = {goal.pk for goal in everything if goal.kind in kinds and state.holds(goal, now=now)}
            found = {goal["_id"] for goal in goals.find(state.condition(*kinds, now=now), {"_id": True})}
            queried = set(Goal.objects.filter(state.q(*kinds, now=now)).values_list("pk", flat=True))
            assert found == holding == queried, state.name


@given(document=documents, now=nows)
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_goal_is_in_exactly_one_of_its_kinds_states(document: dict[str, Any], now: datetime) -> None:
    proxy = Goal.proxies.get(GoalKind(document["_cls"]), Goal)
    values = {name: None if value is MISSING else value for name, value in document.items() if name != "_cls"}
    goal = proxy(kind=document["_cls"], **values)
    assert [state.name for state in proxy.STATES if state.holds(goal, now=now)] == [goal.status(now)]


def test_state_that_depends_on_the_moment_asks_for_it() -> None:
    with pytest.raises(ValueError, match="pass `now`"):
        states.OPEN.condition(GoalKind.SHOW_FUNDING)


def _stored(document: dict[str, Any]) -> dict[str, Any]:
    present = {name: value for name, value in document.items() if value is not MISSING}
    return {"_id": ObjectId(), "created_at": datetime(2025, 1, 1, tzinfo=UTC), **present}
