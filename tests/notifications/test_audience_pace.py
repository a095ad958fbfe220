"""The more payers a show has, the less often they are told that it was moved, cancelled, revived or extended."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from time_machine import Traveller

from goals.models import Goal
from goals.tasks import activate_goal
from notifications.models import NotificationChunk
from notifications.tasks import batch_notify_payers
from sessions_app.models import Session
from taskqueue.calls import Call
from tests.factories.client import ApiClient
from tests.factories.documents import connection, queued_messages
from tests.factories.goals import HOUR, ShowFundingGoalFactory, ShowGoalFactory
from tests.factories.moments import NOW, SECONDS, WHOLE, as_stored

LATER = SECONDS + 7200
PAYERS = 5000  # an audience of this size is told at most once in five seconds


@pytest.fixture
def show(clock: Traveller, session: Session, viewer: User) -> Goal:
    """A show of ten minutes that starts in an hour. Its number of payers is set to PAYERS, but only one has paid."""
    funding_goal = ShowFundingGoalFactory(session=session, closed=True, paid_by=[viewer])
    goal: Goal = ShowGoalFactory(funding_goal=funding_goal, target_seconds=600, nbf=WHOLE + HOUR)
    count(goal, PAYERS)
    return goal


@pytest.fixture
def client(show: Goal, streamer: User) -> ApiClient:
    return ApiClient(streamer)


def count(show: Goal, payers: int | None) -> None:
    goals = connection.get_collection("goals")
    goals.update_one({"context.show_goal_id": str(show.pk)}, {"$set": {"payers": payers}})


def due(task: str) -> list[float]:
    """Return when the messages of the task are due, in seconds after NOW."""
    return [(message.lock - as_stored(NOW)).total_seconds() for message in queued_messages(task)]


@pytest.mark.parametrize(
    ("payers", "seconds"), [(None, 0), (100, 0), (101, 0.101), (PAYERS, 5), (100_000, 30)], ids=str
)
def test_payers_are_told_of_the_second_change_later_the_more_they_are(
    show: Goal, client: ApiClient, payers: int | None, seconds: float
) -> None:
    count(show, payers)
    for nbf in (LATER, LATER + 1):
        assert client.patch(f"/goals/{show.pk}", {"nbf": nbf}).status == 200

    assert due("batch_notify_payers") == [0, seconds]


def test_changes_wait_together_and_only_the_last_is_told(show: Goal, client: ApiClient, clock: Traveller) -> None:
    made = []
    for _ in range(4):
        made.append(client.post(f"/goals/{show.pk}/cancel").status)
        made.append(client.patch(f"/goals/{show.pk}", {"nbf": LATER}).status)
        clock.shift(timedelta(seconds=1))
    made.append(client.post(f"/goals/{show.pk}/cancel").status)

    assert made == [200] * 9
    assert due("batch_notify_payers") == [0] + [5] * 8
    assert len(queued_messages("notify_goal")) == 2 + 9  # the streamer is told of both creations and of each change
    outcomes = batch_notify_payers.run([Call(message.args) for message in queued_messages("batch_notify_payers")])
    assert outcomes == ["superseded"] * 8 + ["planned"]
    assert [chunk.name for chunk in NotificationChunk.objects.all()] == ["goal.cancelled"]


def test_payers_are_told_at_once_after_a_pause(show: Goal, client: ApiClient, clock: Traveller) -> None:
    for second in (0, 2, 6, 30):
        clock.move_to(NOW + timedelta(seconds=second))
        assert client.patch(f"/goals/{show.pk}", {"nbf": LATER + second}).status == 200

    assert due("batch_notify_payers") == [0, 5, 10, 30]


def test_shows_do_not_wait_for_each_other(show: Goal, client: ApiClient, session: Session) -> None:
    funding_goal = ShowFundingGoalFactory(session=session, closed=True)
    other = ShowGoalFactory(funding_goal=funding_goal, nbf=WHOLE + 5 * HOUR)
    count(other, PAYERS)
    for each in (show, other):
        assert client.post(f"/goals/{each.pk}/cancel").status == 200

    assert due("batch_notify_payers") == [0, 0]


def test_credentials_on_their_way_do_not_make_later_ones_wait_beyond_the_end_of_the_old_ones(
    show: Goal, streamer: User, clock: Traveller
) -> None:
    clock.move_to(WHOLE + HOUR)
    assert activate_goal(str(show.pk), SECONDS + 3600) == "started"
    connection.get_collection("django_q_ormq").delete_many({"name": "batch_notify_stream_authorized"})
    client = ApiClient(streamer)

    for second in (588, 589, 600):  # the first credentials expire after 600 seconds
        clock.move_to(WHOLE + HOUR + timedelta(seconds=second))
        assert client.post(f"/goals/{show.pk}/extend", {"seconds": 300}).status == 200

    began = (WHOLE + HOUR - NOW).total_seconds()
    assert [moment - began for moment in due("batch_notify_stream_authorized")] == [588, 589, 600]


def test_new_credentials_wait_unless_the_old_ones_would_expire(show: Goal, streamer: User, clock: Traveller) -> None:
    clock.move_to(WHOLE + HOUR)
    assert activate_goal(str(show.pk), SECONDS + 3600) == "started"
    connection.get_collection("django_q_ormq").delete_many({"name": "batch_notify_stream_authorized"})
    client = ApiClient(streamer)

    for second in (10, 11, 12, 590, 591, 592):
        clock.move_to(WHOLE + HOUR + timedelta(seconds=second))
        assert client.post(f"/goals/{show.pk}/extend", {"seconds": 1}).status == 200

    began = (WHOLE + HOUR - NOW).total_seconds()
    assert [moment - began for moment in due("batch_notify_stream_authorized")] == [10, 15, 15, 590, 591, 592]
