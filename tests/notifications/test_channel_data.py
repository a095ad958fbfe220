"""Cached channel data is never older than an event that was sent."""

import time
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.utils import timezone

from goals.models import Goal
from goals.tasks import activate_goal, deactivate_goal
from mongodb.collections import collection
from mongodb.transactions import run_in_transaction
from notifications.channel_data import channel_data
from sessions_app.models import Session
from showgoals.changes import cancel_show_goal, move_show_goal
from showgoals.tasks import fold_contributions
from tests.factories.goals import ShowFundingGoalFactory, ShowGoalFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("either_cache")]


def shown(session: Session) -> dict[str, Any]:
    data = channel_data(f"private-stream@{session.user_id}")
    assert data is not None
    return data


def statuses(session: Session) -> dict[str, str]:
    return {goal["id"]: goal["status"] for goal in shown(session)["goals"]}


def progress(session: Session) -> dict[str, int]:
    return {goal["id"]: goal["progress"] for goal in shown(session)["goals"]}


def test_data_is_read_once_for_a_version(session: Session) -> None:
    goal = ShowFundingGoalFactory(session=session)
    first = shown(session)
    # The product itself never changes a goal in this way.
    collection("goals").update_one({"_id": goal.pk}, {"$set": {"context.discount_percentage": 5}})
    assert shown(session) == first


def test_progress_is_never_behind_the_money(session: Session, viewer: User) -> None:
    closed, goal = ShowFundingGoalFactory(session=session, closed=True), ShowFundingGoalFactory(session=session)
    show = ShowGoalFactory(funding_goal=closed)
    seen = [progress(session)]
    for paid in (goal, goal, closed):
        collection("contributions").insert_one(
            {"funding_goal_id": str(paid.pk), "viewer_id": str(viewer.pk), "amount": 5, "key": "", "folded": False}
        )
        fold_contributions(str(paid.pk))
        collection("contributions").delete_many({})
        seen.append(progress(session))
    assert [(all_of[str(goal.pk)], all_of[str(closed.pk)], all_of[str(show.pk)]) for all_of in seen] == [
        *((0, 0, 0), (5, 0, 0), (10, 0, 0), (10, 5, 0))
    ]


def test_channel_data_shows_every_event_that_was_sent_before(session: Session) -> None:
    funding_goal = ShowFundingGoalFactory(session=session, closed=True)
    assert statuses(session) == {str(funding_goal.pk): "closed"}  # goal.added
    show = ShowGoalFactory(funding_goal=funding_goal)
    seen = [statuses(session)[str(show.pk)]]  # goal.added
    run_in_transaction(lambda: cancel_show_goal(str(show.pk), now=timezone.now()))
    seen.append(statuses(session)[str(show.pk)])  # goal.cancelled
    now = timezone.now()
    moved = run_in_transaction(lambda: move_show_goal(str(show.pk), nbf=now, now=now))
    seen.append(statuses(session)[str(show.pk)])  # goal.updated
    activate_goal(str(show.pk), int(moved.window[0].timestamp()))
    seen.append(statuses(session)[str(show.pk)])  # goal.started
    past = moved.window[0] - timedelta(seconds=120)
    collection("goals").update_one({"_id": show.pk}, {"$set": {"nbf": past, "context.started": None}})
    ended_at = Goal.objects.get(pk=show.pk).window[1]
    assert deactivate_goal(str(show.pk), int(ended_at.timestamp())) == "ended"
    seen.append(statuses(session)[str(show.pk)])  # goal.ended
    assert seen == ["scheduled", "cancelled", "scheduled", "live", "ended"]


def test_slow_reader_does_not_bring_old_data_back(session: Session) -> None:
    """A reader reads the version, the show is cancelled, and then the reader caches the old data."""
    show = ShowGoalFactory(funding_goal=ShowFundingGoalFactory(session=session, closed=True))
    stale = Session.objects.get(pk=session.pk)
    run_in_transaction(lambda: cancel_show_goal(str(show.pk), now=timezone.now()))
    cache.set(f"channel-data:{session.pk}:{stale.cache_version}", {"session": None, "goals": ["stale"]})
    assert statuses(session)[str(show.pk)] == "cancelled"


def test_open_funding_goal_is_not_cached_beyond_its_exp(session: Session) -> None:
    exp = timezone.now() + timedelta(seconds=2)
    goal = ShowFundingGoalFactory(session=session, exp=exp)
    assert statuses(session) == {str(goal.pk): "open"}
    while timezone.now() <= exp:
        time.sleep(0.05)
    assert statuses(session) == {str(goal.pk): "closed"}
