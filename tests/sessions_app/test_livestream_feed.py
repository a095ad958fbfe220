"""`GET /feeds/livestream` lists the live sessions, newest first, each with its newest goal as it is now."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from time_machine import Traveller

from goals.models import Goal
from goals.tasks import activate_goal
from sessions_app.models import Session
from sessions_app.tasks import write_livestream_feed
from tests.factories.client import ApiClient
from tests.factories.documents import connection
from tests.factories.goals import SessionFactory, ShowFundingGoalFactory, ShowGoalFactory, whole_second
from tests.factories.moments import SECONDS
from tests.factories.paging import there_and_back
from tests.factories.people import UserFactory
from tests.factories.profiler import profiled

FEED = "/feeds/livestream"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def funding_goal(session: Session) -> Goal:
    """A closed funding goal that the feed shows."""
    goal: Goal = ShowFundingGoalFactory(session=session, closed=True)
    write_livestream_feed(str(goal.pk))
    return goal


def feed(client: ApiClient) -> list[Any]:
    answer = client.get(FEED)
    assert answer.status == 200
    results: list[Any] = answer.body["results"]
    return results


def seconds(goal: Goal) -> int:
    assert goal.nbf is not None
    return int(goal.nbf.timestamp())


def row(session: Session, goal: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "session_id": str(session.pk),
        "streamer_id": str(session.user_id),
        "title": "Evening stream",
        "created_at": int(session.created_at.timestamp()),
        "goal": goal,
    }


def test_sessions_without_a_goal_are_listed_newest_first(viewer_client: ApiClient) -> None:
    sessions = [SessionFactory() for _ in range(3)]

    assert viewer_client.get(FEED).body == {
        "next": None,
        "previous": None,
        "results": [row(session, None) for session in reversed(sessions)],
    }


def test_newest_goal_is_shown(viewer_client: ApiClient, session: Session, funding_goal: Goal) -> None:
    funding = {"id": str(funding_goal.pk), "type": "show-funding", "status": "closed", "nbf": None, "started": None}
    assert feed(viewer_client) == [row(session, funding)]

    show = ShowGoalFactory(funding_goal=funding_goal)
    write_livestream_feed(str(show.pk))
    write_livestream_feed(str(funding_goal.pk))  # the task runs late

    scheduled = {"id": str(show.pk), "type": "show", "status": "scheduled", "nbf": seconds(show), "started": None}
    assert feed(viewer_client) == [row(session, scheduled)]


def test_goal_is_shown_before_the_task_has_noted_it(viewer_client: ApiClient, session: Session) -> None:
    funding_goal = ShowFundingGoalFactory(session=session, closed=True)
    assert [each["goal"]["id"] for each in feed(viewer_client)] == [str(funding_goal.pk)]

    write_livestream_feed(str(funding_goal.pk))
    show = ShowGoalFactory(funding_goal=funding_goal)
    assert [each["goal"]["id"] for each in feed(viewer_client)] == [str(show.pk)]


def test_changes_of_the_goal_are_seen_at_once(
    clock: Traveller, streamer_client: ApiClient, viewer_client: ApiClient, session: Session, funding_goal: Goal
) -> None:
    show = ShowGoalFactory(funding_goal=funding_goal, target_seconds=600)
    write_livestream_feed(str(show.pk))

    streamer_client.post(f"/goals/{show.pk}/cancel")
    cancelled = {"id": str(show.pk), "type": "show", "status": "cancelled", "nbf": seconds(show), "started": None}
    assert feed(viewer_client) == [row(session, cancelled)]

    streamer_client.patch(f"/goals/{show.pk}", {"nbf": SECONDS})
    assert activate_goal(str(show.pk), SECONDS) == "started"
    live = {"id": str(show.pk), "type": "show", "status": "live", "nbf": SECONDS, "started": SECONDS}
    assert feed(viewer_client) == [row(session, live)]

    begun = streamer_client.post(f"/goals/{show.pk}/start").body["context"]["started"]
    assert begun == SECONDS + 1
    assert feed(viewer_client) == [row(session, {**live, "started": begun})]


def test_late_show_has_its_actual_start(viewer_client: ApiClient, session: Session, funding_goal: Goal) -> None:
    show = ShowGoalFactory(funding_goal=funding_goal, target_seconds=600)
    write_livestream_feed(str(show.pk))
    earlier = whole_second() - MINUTE
    goals = connection.get_collection("goals")
    goals.update_one({"_id": show.pk}, {"$set": {"nbf": earlier, "created_at": earlier}})
    goals.update_one({"_id": funding_goal.pk}, {"$set": {"created_at": earlier - MINUTE}})

    before = int(whole_second().timestamp())
    activate_goal(str(show.pk), int(earlier.timestamp()))

    (listed,) = feed(viewer_client)
    assert before <= listed["goal"]["started"] <= before + 3


def test_ended_session_is_gone_at_once(streamer_client: ApiClient, viewer_client: ApiClient, session: Session) -> None:
    stays = SessionFactory()
    SessionFactory(ended=True)
    assert [listed["session_id"] for listed in feed(viewer_client)] == [str(stays.pk), str(session.pk)]

    assert streamer_client.post(f"/sessions/{session.pk}/end", {}).status == 200

    assert feed(viewer_client) == [row(stays, None)]


def test_feed_has_pages(viewer_client: ApiClient) -> None:
    newest_first = [str(SessionFactory().pk) for _ in range(5)][::-1]

    pages = [viewer_client.get(FEED, page_size="2").body]
    while pages[-1]["next"]:
        pages.append(viewer_client.get(pages[-1]["next"]).body)

    listed = [[each["session_id"] for each in page["results"]] for page in pages]
    assert listed == [newest_first[:2], newest_first[2:4], newest_first[4:]]
    assert viewer_client.get(pages[1]["previous"]).body == pages[0]


@pytest.mark.parametrize("size", [1, 2, 3, 50])
def test_feed_has_one_row_for_each_streamer(viewer_client: ApiClient, size: int) -> None:
    streamers = UserFactory.create_batch(3)
    sessions = [SessionFactory(user=streamers[number]) for number in (0, 1, 0, 0, 1, 2, 0, 0, 1)]
    SessionFactory(user=streamers[2], ended=True)
    newest_first = [str(sessions[number].pk) for number in (8, 7, 5)]

    forward, backward = there_and_back(viewer_client, FEED, page_size=str(size))

    for pages in (forward, backward):
        assert [each["session_id"] for results in pages for each in results] == newest_first
        assert all(len(results) <= size for results in pages)


def test_next_newest_session_is_listed_once_the_newest_has_ended(
    streamer_client: ApiClient, viewer_client: ApiClient, streamer: User
) -> None:
    first, second = SessionFactory(user=streamer), SessionFactory(user=streamer)
    assert feed(viewer_client) == [row(second, None)]

    assert streamer_client.post(f"/sessions/{second.pk}/end", {}).status == 200

    assert feed(viewer_client) == [row(first, None)]


def test_feed_takes_as_many_queries_for_many_sessions_as_for_one(viewer_client: ApiClient) -> None:
    def queries() -> list[str]:
        with profiled() as profile:
            feed(viewer_client)
        return [query.collection for query in profile.queries]

    for _ in range(3):
        write_livestream_feed(str(ShowFundingGoalFactory(closed=True).pk))

    assert queries() == ["auth_user", "sessions", "sessions", "livestream_feed", "goals", "goals"]


def test_feed_has_no_filters(viewer_client: ApiClient) -> None:
    assert viewer_client.get(FEED, status="live").problem == (400, "invalid", [("/status", "unknown_parameter")])


def test_feed_requires_a_token(session: Session) -> None:
    assert ApiClient().get(FEED).problem == (401, "not_authenticated", [])
