"""`PATCH /goals/{id}` makes a funding goal close earlier or later, or stay open until somebody closes it."""

import json
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User
from time_machine import Traveller

from goals.models import Goal
from goals.tasks import deactivate_goal
from goals.versions import MOST_CHANGES
from sessions_app.models import Session
from tests.factories.client import ApiClient
from tests.factories.documents import connection, everything_stored, queued_messages, timeline
from tests.factories.goals import HOUR, ShowFundingGoalFactory
from tests.factories.moments import SECONDS, WHOLE
from tests.factories.people import UserFactory
from tests.factories.threads import at_once

pytestmark = pytest.mark.django_db
EXP = SECONDS + 3600


@pytest.fixture
def goal(clock: Traveller, session: Session) -> Goal:
    """A funding goal that closes an hour after the whole second of NOW."""
    funding_goal: Goal = ShowFundingGoalFactory(session=session)
    return funding_goal


@pytest.fixture
def patch(goal: Goal, streamer: User) -> Callable[..., Any]:
    return partial(ApiClient(streamer).patch, f"/goals/{goal.pk}")


def ends(goal: Goal) -> list[Any]:
    return [message.args for message in queued_messages("deactivate_goal") if message.args[0] == str(goal.pk)]


@pytest.mark.parametrize("exp", [EXP + 60, EXP - 60])
def test_deadline_moves_with_its_message(goal: Goal, patch: Any, clock: Traveller, exp: int) -> None:
    answer = patch({"exp": exp})
    assert (answer.status, answer.body["exp"], answer.body["version"], answer.headers["ETag"]) == (
        *(200, exp, 2),
        '"2-0-open"',
    )
    assert ends(goal) == [(str(goal.pk), exp)]
    clock.move_to(WHOLE + 2 * HOUR)
    assert deactivate_goal(str(goal.pk), EXP) == "not_endable"
    assert deactivate_goal(str(goal.pk), exp) == "ended"


def test_goal_without_deadline_stays_open(goal: Goal, patch: Any, clock: Traveller, viewer: User) -> None:
    assert (patch({"exp": None}).body["exp"], ends(goal)) == (None, [])
    clock.move_to(WHOLE + 2 * HOUR)
    pay = ApiClient(viewer).post(f"/goals/{goal.pk}/contributions", {"amount": 5}, idempotency_key="1")
    assert (deactivate_goal(str(goal.pk), EXP), pay.status) == ("not_endable", 201)


def test_goal_without_deadline_gets_one(session: Session, streamer: User, clock: Traveller) -> None:
    goal = ShowFundingGoalFactory(session=session, exp=None)
    assert ApiClient(streamer).patch(f"/goals/{goal.pk}", {"exp": EXP}).body["exp"] == EXP
    assert ends(goal) == [(str(goal.pk), EXP)]


def test_change_is_told_and_noted(goal: Goal, patch: Any, session: Session) -> None:
    patch({"exp": EXP + 60})
    (told,) = [message for message in queued_messages("notify_goal") if message.args[0] == "goal.updated"]
    data = json.loads(str(told.args[3]))
    event_id = data.pop("event_id")
    assert (len(event_id), data) == (
        36,
        {
            "version": 2,
            "goal_id": str(goal.pk),
            "type": "show-funding",
            "session_id": str(session.pk),
            "nbf": None,
            "access_exp": None,
            "reason": "changed",
            "exp": EXP + 60,
        },
    )
    notes = [row["detail"] for row in timeline(goal.pk) if row["outcome"] == "changed_by"]
    assert notes == ["version 2, streamer streamer: exp 2026-03-01 13:00:00 -> 2026-03-01 13:01:00"]


def test_same_deadline_changes_nothing(goal: Goal, patch: Any) -> None:
    before = everything_stored()
    assert (patch({"exp": EXP}).status, everything_stored()) == (200, before)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"exp": SECONDS}, ("invalid", [("/exp", "in_the_past")])),
        ({"exp": 600}, ("invalid", [("/exp", "duration")])),
        ({"exp": 10**12}, ("invalid", [("/exp", "milliseconds")])),
        ({"exp": SECONDS + 366 * 86400}, ("invalid", [("/exp", "too_far_ahead")])),
        ({"exp": "1772370000"}, ("invalid", [("/exp", "invalid_type")])),
        ({}, ("invalid", [("/exp", "required")])),
        ({"nbf": EXP}, ("invalid", [("/exp", "required"), ("/nbf", "unknown_field")])),
        ({"exp": EXP, "levels": []}, ("unknown_field", [("/levels", "unknown_field")])),
    ],
)
def test_bad_body_is_refused(goal: Goal, patch: Any, body: Any, problem: Any) -> None:
    before = everything_stored()
    assert (patch(body).problem, everything_stored()) == ((400, *problem), before)


@pytest.mark.parametrize("exp", [EXP + 60, None])
def test_closed_goal_stays_closed(goal: Goal, streamer: User, clock: Traveller, exp: int | None) -> None:
    clock.move_to(WHOLE + HOUR + timedelta(milliseconds=1))  # no worker has announced the end yet
    patch = partial(ApiClient(streamer).patch, f"/goals/{goal.pk}", {"exp": exp})
    assert patch().problem == (409, "already_ended", [])
    deactivate_goal(str(goal.pk), EXP)
    assert patch().problem == (409, "already_ended", [])


def test_old_tag_is_refused(goal: Goal, patch: Any) -> None:
    assert patch({"exp": EXP + 1}, if_match='"1-0-open"').status == 200
    assert patch({"exp": EXP + 2}, if_match='"1-0-open"').problem == (412, "precondition_failed", [])


def test_deadline_of_another_streamer_is_not_found(goal: Goal) -> None:
    answer = ApiClient(UserFactory()).patch(f"/goals/{goal.pk}", {"exp": EXP + 1})
    assert answer.problem == (404, "goal_not_found", [])


def test_either_the_change_or_the_end_wins(goal: Goal, streamer: User, clock: Traveller) -> None:
    """At its `exp` the goal is still open, and its end is due."""
    clock.move_to(WHOLE + HOUR)
    client = ApiClient(streamer)

    def move() -> str:
        return "moved" if client.patch(f"/goals/{goal.pk}", {"exp": EXP + 60}).status == 200 else "refused"

    outcomes = set(at_once([move, lambda: str(deactivate_goal(str(goal.pk), EXP))]))
    stored = Goal.objects.get(pk=goal.pk)
    assert (outcomes, stored.active, ends(goal)) in (
        ({"moved", "not_endable"}, True, [(str(goal.pk), EXP + 60)]),
        ({"refused", "ended"}, False, []),
    )


def test_deadline_moves_a_thousand_times_at_most(goal: Goal, patch: Any) -> None:
    connection.get_collection("goals").update_one({"_id": goal.pk}, {"$set": {"version": MOST_CHANGES}})

    answers = [patch({"exp": exp}) for exp in (EXP + 1, EXP + 2, EXP + 1)]
    assert [answer.status for answer in answers] == [200, 409, 200]
    assert answers[1].problem == (409, "too_many_changes", [])
