"""`POST /sessions` creates a session. `GET /sessions` and `GET /sessions/{id}` read sessions."""

from collections import Counter
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
import time_machine
from bson import ObjectId
from django.contrib.auth.models import User

from sessions_app.models import Session
from sessions_app.opening import MOST_LIVE_SESSIONS
from tests.factories.bodies import funding_body
from tests.factories.client import ApiClient
from tests.factories.documents import stored
from tests.factories.goals import SessionFactory, ShowFundingGoalFactory, ShowGoalFactory
from tests.factories.people import UserFactory
from tests.factories.threads import at_once
from tests.showgoals.faults import MISSING, refusal, with_fault

NOW = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)


@time_machine.travel(NOW, tick=False)
def test_session_is_created_and_answered(streamer: User) -> None:
    answer = ApiClient(streamer).post("/sessions", {"title": "Evening stream"})

    (document,) = stored("sessions")
    assert answer.status == 201
    assert answer.body == {
        "id": str(document["_id"]),
        "streamer_id": str(streamer.pk),
        "title": "Evening stream",
        "status": "live",
        "show_goal_pairs": [],
        "created_at": int(NOW.timestamp()),
        "ended_at": None,
    }
    assert document == {
        "_id": document["_id"],
        "user": streamer.pk,
        "title": "Evening stream",
        "status": "live",
        "show_goal_pairs": [],
        "cache_version": 0,
        "created_at": NOW.replace(tzinfo=None),
        "ended_at": None,
    }


def test_same_key_creates_one_session(streamer_client: ApiClient) -> None:
    first = streamer_client.post("/sessions", {"title": "Evening stream"}, idempotency_key="1")
    again = streamer_client.post("/sessions?lang=zh-hant", {"title": "Evening stream"}, idempotency_key="1")

    assert (again.status, again.body, again.headers["Idempotent-Replay"]) == (201, first.body, "true")
    assert len(stored("sessions")) == 1


def test_same_key_for_another_title_is_refused(streamer_client: ApiClient) -> None:
    streamer_client.post("/sessions", {"title": "Evening stream"}, idempotency_key="1")

    problem = refusal(streamer_client, "/sessions", {"title": "Morning stream"}, idempotency_key="1")
    assert problem == (422, "idempotency_key_reused", [])


def test_streamer_may_have_twenty_live_sessions(streamer: User, streamer_client: ApiClient) -> None:
    SessionFactory.create_batch(MOST_LIVE_SESSIONS, user=streamer, ended=True)
    first, *_others = SessionFactory.create_batch(MOST_LIVE_SESSIONS - 1, user=streamer)
    assert ApiClient(UserFactory()).post("/sessions", {"title": "Others"}).status == 201

    answers = at_once([partial(streamer_client.post, "/sessions", {"title": "Evening"}) for _ in range(5)])

    assert Counter((answer.status, answer.body.get("code")) for answer in answers) == {
        (201, None): 1,
        (409, "too_many_live_sessions"): 4,
    }
    assert streamer_client.post(f"/sessions/{first.pk}/end", {}).status == 200
    again = [streamer_client.post("/sessions", {"title": "Evening"}).status for _ in range(2)]
    assert again == [201, 409]


def test_first_sessions_of_a_streamer_are_limited_too(streamer_client: ApiClient) -> None:
    calls = [partial(streamer_client.post, "/sessions", {"title": "Evening"}) for _ in range(MOST_LIVE_SESSIONS + 5)]

    assert Counter(answer.status for answer in at_once(calls)) == {201: MOST_LIVE_SESSIONS, 409: 5}


def test_sessions_over_the_limit_go_on_working(streamer: User, streamer_client: ApiClient) -> None:
    """An earlier release has opened these sessions."""
    session, *_others = SessionFactory.create_batch(MOST_LIVE_SESSIONS + 2, user=streamer)

    assert streamer_client.post("/sessions", {"title": "Evening"}).problem == (409, "too_many_live_sessions", [])
    assert streamer_client.post("/goals?type=show-funding", funding_body(session)).status == 201
    assert streamer_client.get(f"/sessions/{session.pk}/token").body["preset"] == "publish"
    assert streamer_client.post(f"/sessions/{session.pk}/end", {}).status == 200


@pytest.mark.parametrize(
    ("pointer", "value", "code"),
    [
        ("/title", MISSING, "required"),
        ("/title", None, "null"),
        ("/title", "", "blank"),
        ("/title", " ", "blank"),
        ("/title", "x" * 201, "max_length"),
        ("/title", "two\r\nlines", "invalid_characters"),
        ("/title", 5, "invalid_type"),
        ("/title", True, "invalid_type"),
        ("/title", ["Evening"], "invalid_type"),
        ("", [], "invalid_type"),
        ("", "Evening", "invalid_type"),
        ("", None, "null"),
    ],
)
def test_faulty_body_is_refused(streamer_client: ApiClient, pointer: str, value: Any, code: str) -> None:
    body = with_fault({"title": "Evening stream"}, pointer, value)
    assert refusal(streamer_client, "/sessions", body) == (400, "invalid", [(pointer, code)])


@pytest.mark.parametrize(
    "name", ["id", "_id", "streamer_id", "user", "status", "show_goal_pairs", "cache_version", "created_at", "ended_at"]
)
def test_fields_that_clients_cannot_set_are_refused(streamer_client: ApiClient, name: str) -> None:
    problem = refusal(streamer_client, "/sessions", {"title": "Evening stream", name: None})
    assert problem == (400, "unknown_field", [(f"/{name}", "unknown_field")])


def test_anyone_signed_in_reads_a_session_with_its_pairs(session: Session, viewer_client: ApiClient) -> None:
    paid = ShowFundingGoalFactory(session=session, closed=True)
    show = ShowGoalFactory(funding_goal=paid)
    waiting = ShowFundingGoalFactory(session=session)

    answer = viewer_client.get(f"/sessions/{session.pk}")

    flags = {"funding_ended": False, "show_ended": False}
    assert answer.status == 200
    assert answer.body["show_goal_pairs"] == [
        {"funding_goal": str(paid.pk), "show_goal": str(show.pk), **flags},
        {"funding_goal": str(waiting.pk), "show_goal": None, **flags},
    ]


@pytest.mark.parametrize(
    ("session_id", "code"), [(ObjectId(), "session_not_found"), ("zzz", "not_found"), ("1" * 25, "not_found")]
)
def test_unknown_session_is_not_found(viewer_client: ApiClient, session_id: object, code: str) -> None:
    assert viewer_client.get(f"/sessions/{session_id}").problem == (404, code, [])


def test_sessions_are_listed_newest_first_in_pages(viewer_client: ApiClient) -> None:
    newest_first = [str(SessionFactory().pk) for _ in range(5)][::-1]

    first = viewer_client.get("/sessions", page_size="3").body
    second = viewer_client.get(first["next"]).body

    assert [session["id"] for session in first["results"] + second["results"]] == newest_first
    assert (first["previous"], second["next"]) == (None, None)
    assert viewer_client.get(second["previous"]).body["results"] == first["results"]


def test_sessions_are_filtered_by_streamer_and_status(viewer_client: ApiClient, streamer: User) -> None:
    ended, live = SessionFactory(user=streamer, ended=True), SessionFactory(user=streamer)
    others = SessionFactory()

    def listed(**query: str) -> list[str]:
        return [session["id"] for session in viewer_client.get("/sessions", **query).body["results"]]

    assert listed(streamer_id=str(streamer.pk)) == [str(live.pk), str(ended.pk)]
    assert listed(streamer_id=str(streamer.pk).upper(), status="live") == [str(live.pk)]
    assert listed(status="ended", lang="zh-hant", page_size="1") == [str(ended.pk)]
    assert listed(status="live") == [str(others.pk), str(live.pk)]
    assert listed(streamer_id=str(ObjectId())) == []


@pytest.mark.parametrize(
    ("query", "errors"),
    [
        ({"status": "over"}, [("/status", "invalid_choice")]),
        ({"streamer_id": "me"}, [("/streamer_id", "invalid_id")]),
        ({"streamer_id": ""}, [("/streamer_id", "blank")]),
        ({"streamer": "1" * 24}, [("/streamer", "unknown_parameter")]),
    ],
)
@pytest.mark.usefixtures("session")
def test_bad_filter_of_sessions_is_refused(
    viewer_client: ApiClient, query: dict[str, str], errors: list[tuple[str, str]]
) -> None:
    assert viewer_client.get("/sessions", **query).problem == (400, "invalid", errors)


def test_reading_sessions_requires_a_token(session: Session) -> None:
    assert ApiClient().get("/sessions").problem == (401, "not_authenticated", [])
    assert ApiClient().get(f"/sessions/{session.pk}").problem == (401, "not_authenticated", [])
