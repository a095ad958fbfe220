"""Concurrent requests that create goals leave a consistent result. Each runs in a thread, with real transactions."""

from collections import Counter
from contextlib import suppress
from functools import partial

import pytest
from bson import ObjectId
from django.contrib.auth.models import User

from goals.models import Goal
from sessions_app.models import Session
from showgoals.errors import FundingClosed
from showgoals.tasks import fold_contributions
from tests.factories.bodies import funding_body, show_body
from tests.factories.client import Answer, ApiClient
from tests.factories.documents import queued_messages, stored, stored_one
from tests.factories.goals import ContributionFactory, ShowFundingGoalFactory
from tests.factories.people import UserFactory
from tests.factories.threads import at_once

PATH = "/goals?type=show"
pytestmark = pytest.mark.slow


def outcomes(answers: list[Answer]) -> Counter[tuple[int, str | None]]:
    return Counter((answer.status, answer.body.get("code")) for answer in answers)


def test_fifty_requests_for_one_funding_goal_make_one_show(streamer: User, session: Session, closed_goal: Goal) -> None:
    ShowFundingGoalFactory(session=session)  # the creation must leave its pair alone
    for payer in UserFactory.create_batch(3):
        ContributionFactory(funding_goal=closed_goal, viewer=payer)
    bodies = [show_body(closed_goal) for _ in range(50)]

    answers = at_once([partial(ApiClient(streamer).post, PATH, body) for body in bodies])

    assert outcomes(answers) == {(201, None): 1, (409, "show_goal_exists"): 49}
    (show,) = stored("goals", _cls="ShowGoal")
    shows_paired = [pair["show_goal"] for pair in stored_one("sessions", session.pk)["show_goal_pairs"]]
    funding_goal = stored_one("goals", closed_goal.pk)
    assert [answer.body["id"] for answer in answers if answer.status == 201] == [str(show["_id"])]
    assert shows_paired == [show["_id"], None]
    assert (funding_goal["context"]["show_goal_id"], funding_goal["progress"]) == (str(show["_id"]), 15)
    assert [message.args[0] for message in queued_messages("activate_goal")] == [str(show["_id"])]
    assert len(stored("goal_timeline", kind="signal", name="goal.created", goal_id=str(show["_id"]))) == 1
    assert len(stored("goal_timeline", kind="signal", name="goal.created")) == 3


def test_fifty_requests_with_one_key_make_one_show(streamer: User, closed_goal: Goal) -> None:
    body = show_body(closed_goal)

    answers = at_once([partial(ApiClient(streamer).post, PATH, body, idempotency_key="1") for _ in range(50)])

    (show,) = stored("goals", _cls="ShowGoal")
    assert set(outcomes(answers)) <= {(201, None), (409, "idempotency_in_progress")}
    assert {answer.body["id"] for answer in answers if answer.status == 201} == {str(show["_id"])}
    assert len(queued_messages("activate_goal")) == 1


def test_twenty_overlapping_shows_of_a_session_become_one(streamer: User, session: Session) -> None:
    goals = [ShowFundingGoalFactory(session=session, closed=True) for _ in range(20)]
    first_nbf = show_body(goals[0])["nbf"]
    bodies = [show_body(goal, nbf=first_nbf + index) for index, goal in enumerate(goals)]

    answers = at_once([partial(ApiClient(streamer).post, PATH, body) for body in bodies])

    assert outcomes(answers) == {(201, None): 1, (409, "show_overlaps"): 19}
    (show,) = stored("goals", _cls="ShowGoal")
    shows_paired = [pair["show_goal"] for pair in stored_one("sessions", session.pk)["show_goal_pairs"]]
    assert [shown for shown in shows_paired if shown] == [show["_id"]]
    linked = [goal for goal in stored("goals", _cls="ShowFundingGoal") if goal["context"]["show_goal_id"]]
    assert [str(goal["_id"]) for goal in linked] == [show["context"]["funding_goal_id"]]
    assert len(queued_messages("activate_goal")) == 1


def test_twenty_shows_in_turn_are_all_made(streamer: User, session: Session) -> None:
    """The creations conflict on the session's document, so they run one after the other."""
    goals = [ShowFundingGoalFactory(session=session, closed=True) for _ in range(20)]
    first_nbf = show_body(goals[0])["nbf"]
    bodies = [show_body(goal, nbf=first_nbf + 60 * index) for index, goal in enumerate(goals)]

    answers = at_once([partial(ApiClient(streamer).post, PATH, body) for body in bodies])

    assert outcomes(answers) == {(201, None): 20}
    pairs = stored_one("sessions", session.pk)["show_goal_pairs"]
    made = {answer.body["context"]["funding_goal_id"]: answer.body["id"] for answer in answers}
    assert {str(pair["funding_goal"]): str(pair["show_goal"]) for pair in pairs} == made
    assert sorted(str(message.args[0]) for message in queued_messages("activate_goal")) == sorted(made.values())


def test_twenty_funding_goals_at_once_have_a_pair_each(streamer: User, session: Session) -> None:
    bodies = [funding_body(session) for _ in range(20)]

    answers = at_once([partial(ApiClient(streamer).post, "/goals?type=show-funding", body) for body in bodies])

    assert outcomes(answers) == {(201, None): 20}
    paired = [pair["funding_goal"] for pair in stored_one("sessions", session.pk)["show_goal_pairs"]]
    assert sorted(paired) == sorted(ObjectId(answer.body["id"]) for answer in answers)


def test_payment_during_the_creation_of_the_show_is_counted_once(
    streamer: User, session: Session, closed_goal: Goal
) -> None:
    """Payments that are committed before, during or after the show's creation are neither lost nor counted twice."""
    creating = partial(ApiClient(streamer).post, PATH, show_body(closed_goal))

    def pay(payer: User) -> None:
        with suppress(FundingClosed):  # the show was created before the payment
            ContributionFactory(funding_goal=closed_goal, viewer=payer)

    at_once([*(partial(pay, payer) for payer in UserFactory.create_batch(10)), creating])
    fold_contributions(str(closed_goal.pk))

    paid = {row["viewer_id"]: {"amount": row["amount"]} for row in stored("contributions")}
    funding_goal = stored_one("goals", closed_goal.pk)
    assert (funding_goal["breakdown"], funding_goal["progress"]) == (paid, 5 * len(paid))
    assert len(stored("goals", _cls="ShowGoal")) == 1
