"""If a late show overlaps the session's next show, the streamer is told, and the timelines of both shows say so."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from time_machine import Traveller

from goals.models import Goal
from goals.tasks import activate_goal
from sessions_app.models import Session
from showgoals.tasks import note_overlaps
from tests.factories.client import ApiClient
from tests.factories.documents import queued_messages, stored
from tests.factories.goals import HOUR, ShowFundingGoalFactory, ShowGoalFactory
from tests.factories.moments import WHOLE

pytestmark = pytest.mark.django_db


@pytest.fixture
def live(clock: Traveller, session: Session) -> Goal:
    """A one-minute show that started half a minute ago without its streamer."""
    show = ShowGoalFactory(funding_goal=ShowFundingGoalFactory(session=session, closed=True), nbf=WHOLE + HOUR)
    clock.move_to(WHOLE + HOUR)
    activate_goal(str(show.pk), int(show.starts_at.timestamp()))
    clock.shift(timedelta(seconds=30))
    return Goal.objects.get(pk=show.pk)


def show_after(live: Goal, session: Session, *, seconds: int) -> Goal:
    funding_goal = ShowFundingGoalFactory(session=session, closed=True)
    nbf = live.window[1] + timedelta(seconds=seconds)
    show: Goal = ShowGoalFactory(funding_goal=funding_goal, nbf=nbf)
    return show


def overlap_rows(goal: Goal) -> list[tuple[str, str]]:
    rows = stored("goal_timeline", goal_id=str(goal.pk), name="note_overlaps")
    return [(row["outcome"], row["detail"]) for row in rows]


def test_late_start_lists_the_show_that_it_overlaps(live: Goal, session: Session, streamer: User) -> None:
    following, far = show_after(live, session, seconds=0), show_after(live, session, seconds=3600)

    answer = ApiClient(streamer).post(f"/goals/{live.pk}/start")
    for message in queued_messages("note_overlaps"):
        note_overlaps(*message.args)

    assert (answer.status, answer.body["overlaps"]) == (200, [str(following.pk)])
    assert overlap_rows(live) == [("runs_into", str(following.pk))]
    assert overlap_rows(following) == [("is_run_into_by", str(live.pk))]
    assert overlap_rows(far) == []
    again = ApiClient(streamer).post(f"/goals/{live.pk}/start")
    assert (again.status, again.body) == (200, answer.body)


def test_start_that_meets_no_other_show_has_no_overlaps(live: Goal, session: Session, streamer: User) -> None:
    show_after(live, session, seconds=3600)
    answer = ApiClient(streamer).post(f"/goals/{live.pk}/start")
    assert (answer.status, answer.body["overlaps"]) == (200, [])
