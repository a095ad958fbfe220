"""The factories create the same documents as the API."""

from django.contrib.auth.models import User

from goals.states import GoalStatus
from sessions_app.models import Session
from tests.factories.client import ApiClient
from tests.factories.documents import queued_messages, stored_one
from tests.factories.goals import SessionFactory, ShowFundingGoalFactory, ShowGoalFactory, whole_second


def test_show_is_linked_and_its_start_is_queued(session: Session, viewer: User) -> None:
    funding_goal = ShowFundingGoalFactory(session=session, closed=True, paid_by=[viewer])
    show = ShowGoalFactory(funding_goal=funding_goal)

    pair = {"funding_goal": funding_goal.pk, "funding_ended": False, "show_goal": show.pk, "show_ended": False}
    assert stored_one("sessions", session.pk)["show_goal_pairs"] == [pair]
    assert stored_one("goals", funding_goal.pk)["breakdown"] == {str(viewer.pk): {"amount": 5}}
    (start,) = queued_messages("activate_goal")
    assert start.args == (str(show.pk), int(show.nbf.timestamp()))


def test_funding_goal_is_open_unless_closed(session: Session) -> None:
    goals = [ShowFundingGoalFactory(session=session), ShowFundingGoalFactory(session=session, closed=True)]

    assert [goal.status(whole_second()) for goal in goals] == [GoalStatus.OPEN, GoalStatus.CLOSED]


def test_ended_session_says_so(streamer_client: ApiClient) -> None:
    session = SessionFactory(ended=True)

    assert streamer_client.get(f"/sessions/{session.pk}").body["status"] == "ended"


def test_client_reads_problems() -> None:
    assert ApiClient().get("/sessions").problem == (401, "not_authenticated", [])
