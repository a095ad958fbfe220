"""`GET /goals` and `GET /goals/{id}` return goals that the caller may see. Lists have filters and pages."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from bson import ObjectId
from django.contrib.auth.models import User

from goals.models import Goal
from goals.tasks import activate_goal
from sessions_app.models import Session
from tests.factories.client import ApiClient
from tests.factories.documents import connection
from tests.factories.goals import HOUR, SessionFactory, ShowFundingGoalFactory, ShowGoalFactory, whole_second

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
Listed = Callable[..., list[str]]


@pytest.fixture
def listed(streamer_client: ApiClient) -> Listed:
    """Return a function that returns the ids of the goals in the streamer's list for a query."""

    def ids(**query: str) -> list[str]:
        answer = streamer_client.get("/goals", **query)
        assert answer.status == 200
        return [goal["id"] for goal in answer.body["results"]]

    return ids


@pytest.fixture
def show_of(session: Session) -> Callable[..., Goal]:
    """Return a function that creates a show in the session, each at a different hour, and changes stored fields."""
    hours = iter(range(1, 24))

    def make(**changes: object) -> Goal:
        funding_goal = ShowFundingGoalFactory(session=session, closed=True)
        show: Goal = ShowGoalFactory(funding_goal=funding_goal, nbf=whole_second() + next(hours) * HOUR)
        if changes:
            connection.get_collection("goals").update_one({"_id": show.pk}, {"$set": changes})
        return show

    return make


def test_owner_lists_own_goals_newest_first(listed: Listed, session: Session, closed_goal: Goal) -> None:
    show = ShowGoalFactory(funding_goal=closed_goal)
    opened = ShowFundingGoalFactory(session=session)
    ShowFundingGoalFactory()  # the goal of another user

    assert listed() == [str(goal.pk) for goal in (opened, show, closed_goal)]


def test_others_list_goals_of_a_session_only(viewer_client: ApiClient, session: Session, open_goal: Goal) -> None:
    everybodys = viewer_client.get("/goals").body["results"]
    of_session = viewer_client.get("/goals", session_id=str(session.pk)).body["results"]

    assert (everybodys, [goal["id"] for goal in of_session]) == ([], [str(open_goal.pk)])


def test_others_read_a_goal_by_its_session_only(
    viewer_client: ApiClient, streamer_client: ApiClient, session: Session, open_goal: Goal
) -> None:
    path = f"/goals/{open_goal.pk}"
    own = streamer_client.get(path)

    assert viewer_client.get(path).problem == (404, "goal_not_found", [])
    assert viewer_client.get(path, session_id=str(ObjectId())).problem == (404, "goal_not_found", [])
    assert viewer_client.get(path, session_id=str(session.pk)).body == own.body


@pytest.mark.parametrize(("goal_id", "code"), [(ObjectId(), "goal_not_found"), ("zzz", "not_found")])
def test_unknown_goal_is_not_found(streamer_client: ApiClient, goal_id: object, code: str) -> None:
    assert streamer_client.get(f"/goals/{goal_id}").problem == (404, code, [])


def test_reading_goals_requires_a_token(open_goal: Goal, session: Session) -> None:
    for path in (
        "/goals",
        f"/goals/{open_goal.pk}",
        f"/goals/{open_goal.pk}/timeline",
        f"/sessions/{session.pk}/token",
    ):
        assert ApiClient().get(path, session_id=str(session.pk)).problem == (401, "not_authenticated", [])


def test_list_is_filtered_by_type(listed: Listed, closed_goal: Goal) -> None:
    show = ShowGoalFactory(funding_goal=closed_goal)

    assert (listed(type="show"), listed(type="show-funding")) == ([str(show.pk)], [str(closed_goal.pk)])
    assert listed(type="karaoke") == []


def test_list_is_filtered_by_session(listed: Listed, streamer: User, session: Session, open_goal: Goal) -> None:
    ShowFundingGoalFactory(session=SessionFactory(user=streamer))

    assert listed(session_id=str(session.pk)) == [str(open_goal.pk)]
    assert listed(session_id=str(session.pk).upper()) == [str(open_goal.pk)]
    assert listed(session_id=str(ObjectId())) == []


def test_list_is_filtered_by_funding_goal(listed: Listed, show_of: Callable[..., Goal]) -> None:
    show, _another = show_of(), show_of()

    assert listed(funding_goal_id=show.context.funding_goal_id) == [str(show.pk)]
    assert listed(funding_goal_id=show.context.funding_goal_id, type="show-funding") == []
    assert listed(funding_goal_id=str(ObjectId())) == []


def test_list_is_filtered_by_the_second_of_creation(listed: Listed, session: Session) -> None:
    second = int(NOON.timestamp())
    before, first, last, after = (str(ShowFundingGoalFactory(session=session).pk) for _ in range(4))
    for goal, milliseconds in ((before, -1), (first, 0), (last, 999), (after, 1000)):
        moved = {"$set": {"created_at": NOON + timedelta(milliseconds=milliseconds)}}
        connection.get_collection("goals").update_one({"_id": ObjectId(goal)}, moved)

    assert listed(created_after=str(second)) == [after, last, first]
    assert listed(created_before=str(second + 1)) == [last, first, before]
    assert listed(created_after=str(second), created_before=str(second + 1), order="created_at") == [first, last]


def test_list_is_filtered_by_status(listed: Listed, session: Session, show_of: Callable[..., Goal]) -> None:
    shows = {
        "scheduled": show_of(),
        "live": show_of(activated_at=whole_second()),
        "ended": show_of(activated_at=whole_second(), exp=whole_second(), active=False),
        "cancelled": show_of(cancelled_at=whole_second(), active=False),
    }
    endless = ShowFundingGoalFactory(session=session, exp=None)
    opened = ShowFundingGoalFactory(session=session)

    assert {status: listed(status=status) for status in shows} == {
        status: [str(show.pk)] for status, show in shows.items()
    }
    both = listed(status="live,scheduled")
    assert sorted(both) == sorted(str(show.pk) for status, show in shows.items() if status in ("live", "scheduled"))
    assert listed(status="open") == [str(opened.pk), str(endless.pk)]
    assert listed(status="closed") == [show.context.funding_goal_id for show in reversed(shows.values())]


@pytest.mark.parametrize(
    ("query", "errors"),
    [
        ({"type": "shows"}, [("/type", "invalid_choice")]),
        ({"type": ""}, [("/type", "blank")]),
        ({"type": "Show"}, [("/type", "invalid_choice")]),
        ({"status": "running"}, [("/status", "invalid_choice")]),
        ({"status": "live,running"}, [("/status", "invalid_choice")]),
        *(({"status": value}, [("/status", "blank")]) for value in ("", "open,", ",", "live,,open")),
        ({"session_id": "zzz"}, [("/session_id", "invalid_id")]),
        ({"session_id": ""}, [("/session_id", "blank")]),
        ({"funding_goal_id": "1" * 25}, [("/funding_goal_id", "invalid_id")]),
        *(
            ({"created_after": value}, [("/created_after", "invalid_seconds")])
            for value in ("x", "-1", "1.5", "\u0663", "1745993863000")
        ),
        ({"created_before": ""}, [("/created_before", "blank")]),
        ({"order": "progress"}, [("/order", "invalid_choice")]),
        ({"order": ""}, [("/order", "blank")]),
        ({"sesion_id": str(ObjectId())}, [("/sesion_id", "unknown_parameter")]),
        (
            {"type": "x", "session_id": "x", "x/y": ""},
            [("/x~1y", "unknown_parameter"), ("/type", "invalid_choice"), ("/session_id", "invalid_id")],
        ),
    ],
)
def test_bad_filter_is_refused(
    streamer_client: ApiClient, query: dict[str, str], errors: list[tuple[str, str]]
) -> None:
    assert streamer_client.get("/goals", **query).problem == (400, "invalid", errors)


def test_list_has_pages(streamer_client: ApiClient, session: Session) -> None:
    newest_first = [str(ShowFundingGoalFactory(session=session).pk) for _ in range(5)][::-1]

    pages = [streamer_client.get("/goals", page_size="2", type="show-funding").body]
    while pages[-1]["next"]:
        pages.append(streamer_client.get(pages[-1]["next"]).body)

    assert [[goal["id"] for goal in page["results"]] for page in pages] == [
        newest_first[:2],
        newest_first[2:4],
        newest_first[4:],
    ]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"page_size": "0"}, "invalid_page_size"),
        ({"page_size": "201"}, "invalid_page_size"),
        ({"page_size": "ten"}, "invalid_page_size"),
        ({"cursor": "zzz"}, "invalid_cursor"),
        ({"cursor": "cD01"}, "invalid_cursor"),
    ],
)
def test_bad_page_is_refused(streamer_client: ApiClient, query: dict[str, str], code: str) -> None:
    assert streamer_client.get("/goals", **query).problem == (400, code, [])


def test_started_show_is_read_as_live(streamer_client: ApiClient, session: Session, closed_goal: Goal) -> None:
    show = ShowGoalFactory(funding_goal=closed_goal, nbf=whole_second())
    activate_goal(str(show.pk), int(show.nbf.timestamp()))

    body = streamer_client.get(f"/goals/{show.pk}").body

    assert (body["status"], body["active"], body["exp"]) == ("live", True, None)
    assert 0 <= body["activated_at"] - body["nbf"] <= 60
