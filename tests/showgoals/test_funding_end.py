"""The end of a funding goal is announced with the whole sum, however many payments are not folded by then."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from bson import ObjectId
from time_machine import Traveller

from goals.models import Goal
from goals.payloads import GoalEnded
from goals.signals import goal_ended
from goals.tasks import deactivate_goal, reconcile_goals
from mongodb.collections import collection
from sessions_app.models import Session
from showgoals.contributions import FOLD_BATCH
from showgoals.tasks import fold_contributions
from tests.conftest import FailCommand
from tests.factories.client import ApiClient
from tests.factories.documents import stored_one, timeline
from tests.factories.goals import ShowFundingGoalFactory, ShowGoalFactory
from tests.factories.moments import NOW, WHOLE

AFTER_THE_END = timedelta(seconds=10)


def end_by_message(goal: Goal, session: Session) -> None:
    assert goal.exp is not None
    assert deactivate_goal(str(goal.pk), int(goal.exp.timestamp())) == "ended"


def end_by_reconciler(goal: Goal, session: Session) -> None:
    assert reconcile_goals() == "started 0, ended 1"


def end_by_session(goal: Goal, session: Session) -> None:
    assert ApiClient(session.user).post(f"/sessions/{session.pk}/end", {"cancel_shows": True}).status == 200


@pytest.fixture
def goal(clock: Traveller, session: Session) -> Goal:
    """A funding goal that closes now."""
    funding_goal: Goal = ShowFundingGoalFactory(session=session, exp=WHOLE)
    return funding_goal


@pytest.mark.parametrize("payments", [0, 1, FOLD_BATCH + 1])
@pytest.mark.parametrize("end", [end_by_message, end_by_reconciler])
def test_end_announces_the_whole_sum(
    goal: Goal, session: Session, clock: Traveller, end: Callable[[Goal, Session], None], payments: int
) -> None:
    _pay(goal, payments)
    clock.shift(AFTER_THE_END)
    with _announced() as ends:
        end(goal, session)
    assert [(payload.goal_id, payload.progress) for payload in ends] == [(str(goal.pk), 3 * payments)]
    document = stored_one("goals", goal.pk)
    assert (document["progress"], len(document["breakdown"])) == (3 * payments, payments)
    assert fold_contributions(str(goal.pk)) == 0


def test_end_of_the_session_announces_the_whole_sum(clock: Traveller, session: Session, open_goal: Goal) -> None:
    _pay(open_goal, FOLD_BATCH + 1)
    with _announced() as ends:
        end_by_session(open_goal, session)
    assert [(payload.goal_id, payload.progress) for payload in ends] == [(str(open_goal.pk), 3 * (FOLD_BATCH + 1))]


def test_end_whose_commit_fails_folds_nothing_twice(goal: Goal, session: Session, fail_command: FailCommand) -> None:
    _pay(goal, 5)
    fail_command("commitTransaction", errorCode=112, errorLabels=["TransientTransactionError"])
    with _announced() as ends:
        end_by_message(goal, session)
    assert [payload.progress for payload in ends] == [15, 15]  # the first attempt was rolled back
    assert stored_one("goals", goal.pk)["progress"] == 15


def test_end_that_comes_after_the_show_was_created_announces_its_new_payers(
    goal: Goal, session: Session, clock: Traveller
) -> None:
    clock.shift(AFTER_THE_END)
    ShowGoalFactory(funding_goal=goal)
    _pay(goal, 1)  # a payment in time whose commit came late
    end_by_message(goal, session)
    signals = [row["name"] for row in timeline(goal.pk) if row["kind"] == "signal"]
    assert signals == ["goal.created", "goal.added", "goal.progressed", "payers.added", "goal.ended"]


@contextmanager
def _announced() -> Iterator[list[GoalEnded]]:
    """Collect the payloads of `goal.ended` that are announced in the block."""
    payloads: list[GoalEnded] = []

    def hear(payload: GoalEnded, **_kwargs: object) -> tuple[str, str]:
        payloads.append(payload)
        return "hear", "heard"

    goal_ended.connect(hear, weak=False, dispatch_uid="hear")
    try:
        yield payloads
    finally:
        goal_ended.disconnect(dispatch_uid="hear")


def _pay(goal: Goal, count: int) -> None:
    """Insert a payment of 3 by each of `count` viewers, in bulk."""
    if count:
        collection("contributions").insert_many(
            {
                "funding_goal_id": str(goal.pk),
                "viewer_id": str(ObjectId()),
                "amount": 3,
                "key": str(number),
                "folded": False,
                "created_at": NOW,
            }
            for number in range(count)
        )
