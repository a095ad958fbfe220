"""Fifty simultaneous calls that pay, cancel or start leave a consistent result."""

from collections import Counter
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User

from goals.models import Goal
from goals.tasks import activate_goal
from sessions_app.models import Session
from showgoals.tasks import fold_contributions
from tests.factories.client import ApiClient
from tests.factories.documents import stored, stored_one
from tests.factories.goals import ShowFundingGoalFactory, ShowGoalFactory
from tests.factories.people import UserFactory
from tests.factories.threads import at_once

pytestmark = [pytest.mark.slow, pytest.mark.django_db]
FIFTY = 50


def signals(show: Goal) -> Counter[str]:
    rows = stored("goal_timeline", kind="signal", goal_id=str(show.pk))
    return Counter(row["name"] for row in rows if row["name"] in {"goal.started", "goal.cancelled"})


@pytest.fixture
def due_show(session: Session) -> Goal:
    """A show that is due now and has not started."""
    closed = ShowFundingGoalFactory(session=session, closed=True)
    show: Goal = ShowGoalFactory(funding_goal=closed, nbf=datetime.now(UTC).replace(microsecond=0))
    return show


def test_fifty_payments_with_one_key_are_one(session: Session, viewer: User) -> None:
    goal = ShowFundingGoalFactory(session=session)
    pay = partial(ApiClient(viewer).post, f"/goals/{goal.pk}/contributions", {"amount": 5}, idempotency_key="1")

    answers = at_once([pay] * FIFTY)
    fold_contributions(str(goal.pk))

    paid = [answer for answer in answers if answer.status == 201]
    assert {(answer.status, answer.body.get("code")) for answer in answers} <= {
        (201, None),
        (409, "idempotency_in_progress"),
    }
    assert len({answer.body["id"] for answer in paid}) == 1
    assert [row["amount"] for row in stored("contributions")] == [5]
    assert stored_one("goals", goal.pk)["progress"] == 5


def test_fifty_viewers_pay_at_once(session: Session) -> None:
    goal = ShowFundingGoalFactory(session=session)
    path = f"/goals/{goal.pk}/contributions"
    viewers = UserFactory.create_batch(FIFTY)

    answers = at_once([partial(ApiClient(each).post, path, {"amount": 5}, idempotency_key="1") for each in viewers])
    fold_contributions(str(goal.pk))

    assert Counter(answer.status for answer in answers) == {201: FIFTY}
    assert stored_one("goals", goal.pk)["progress"] == 5 * FIFTY


def test_fifty_cancellations_are_one(streamer: User, session: Session) -> None:
    show = ShowGoalFactory(funding_goal=ShowFundingGoalFactory(session=session, closed=True))

    answers = at_once([partial(ApiClient(streamer).post, f"/goals/{show.pk}/cancel")] * FIFTY)

    assert {(answer.status, answer.body["status"]) for answer in answers} == {(200, "cancelled")}
    assert (signals(show), stored_one("goals", show.pk)["version"]) == ({"goal.cancelled": 1}, 2)


def test_show_is_either_cancelled_or_started(streamer: User, due_show: Goal) -> None:
    cancel = partial(ApiClient(streamer).post, f"/goals/{due_show.pk}/cancel")
    start = partial(activate_goal, str(due_show.pk), int(due_show.window[0].timestamp()))

    results: list[Any] = at_once([cancel, start] * (FIFTY // 2))

    answers, starts = results[::2], Counter(results[1::2])
    show = stored_one("goals", due_show.pk)
    is_cancelled = show["cancelled_at"] is not None
    assert (show["activated_at"] is None) == is_cancelled
    assert signals(due_show) == {"goal.cancelled" if is_cancelled else "goal.started": 1}
    assert starts["started"] == (0 if is_cancelled else 1)
    assert {(answer.status, answer.body.get("code")) for answer in answers} == {
        (200, None) if is_cancelled else (409, "already_started")
    }
