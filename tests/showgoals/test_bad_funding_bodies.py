"""A refused `POST /goals?type=show-funding` names the field and the fault, and writes nothing."""

import time
from typing import Any

import pytest
from bson import ObjectId
from django.contrib.auth.models import User

from sessions_app.models import Session
from tests.factories.bodies import Body, funding_body
from tests.factories.client import ApiClient
from tests.factories.goals import SessionFactory
from tests.showgoals.faults import MISSING, refusal, with_fault

PATH = "/goals?type=show-funding"
LEVEL = {"title": "Tickets", "target": 1000}


@pytest.fixture
def body(session: Session) -> Body:
    """A valid body for a funding goal."""
    return funding_body(session)


@pytest.mark.parametrize(
    ("pointer", "value", "code"),
    [
        ("/levels", MISSING, "required"),
        ("/levels", [], "min_length"),
        ("/levels", [LEVEL] * 11, "max_length"),
        ("/levels", LEVEL, "invalid_type"),
        ("/levels/0", "Tickets", "invalid_type"),
        ("/levels/0/title", "", "blank"),
        ("/levels/0/title", "x" * 201, "max_length"),
        ("/levels/0/title", "\x1b[31mred", "invalid_characters"),
        ("/levels/0/target", MISSING, "required"),
        ("/levels/0/target", 0, "min_value"),
        ("/levels/0/target", -5, "min_value"),
        ("/levels/0/target", 10**9 + 1, "max_value"),
        ("/levels/0/target", 10**12, "max_value"),
        ("/levels/0/target", 10.0, "invalid_type"),
        ("/levels/0/target", "10", "invalid_type"),
        ("/levels/0/target", True, "invalid_type"),
        ("/exp", -1, "duration"),
        ("/exp", 3600, "duration"),
        ("/exp", 10**9, "in_the_past"),
        ("/exp", 1_745_993_863, "in_the_past"),
        ("/exp", 1_745_993_863_000, "milliseconds"),
        pytest.param("/exp", int(time.time()) + 366 * 24 * 3600, "too_far_ahead", id="/exp-a year and a day"),
        ("/exp", 1_745_993_863.0, "invalid_type"),
        ("/exp", "1745993863", "invalid_type"),
        ("/exp", True, "invalid_type"),
        ("/context", MISSING, "required"),
        ("/context", [], "invalid_type"),
        ("/context/session_id", MISSING, "required"),
        ("/context/session_id", "zzz", "invalid_id"),
        ("/context/session_id", 5, "invalid_type"),
        ("/context/perform_duration", MISSING, "required"),
        ("/context/perform_duration", 0, "min_value"),
        ("/context/perform_duration", 86_401, "max_value"),
        ("/context/perform_duration", True, "invalid_type"),
        ("/context/hesitation_countdown", -1, "min_value"),
        ("/context/hesitation_countdown", "10", "invalid_type"),
        ("/context/ticket_product_id", "a b", "invalid_characters"),
        ("/context/ticket_product_id", "x" * 129, "invalid_characters"),
        ("/context/ticket_product_type", MISSING, "required"),
        ("/context/ticket_product_type", 5, "invalid_type"),
        ("/context/discount_percentage", -1, "min_value"),
        ("/context/discount_percentage", 101, "max_value"),
        ("/context/discount_percentage", 12.5, "invalid_type"),
    ],
)
def test_faulty_field_is_named(streamer_client: ApiClient, body: Body, pointer: str, value: Any, code: str) -> None:
    assert refusal(streamer_client, PATH, with_fault(body, pointer, value)) == (400, "invalid", [(pointer, code)])


@pytest.mark.parametrize(
    "pointer",
    [
        *("/nbf", "/id", "/progress", "/breakdown", "/active", "/conditions", "/metadata", "/_cls"),
        *("/context/show_goal_id", "/context/funding_goal_id", "/context/type", "/context/started"),
        *("/levels/0/progress", "/levels/0/$inc"),
    ],
)
def test_fields_that_clients_cannot_set_are_refused(streamer_client: ApiClient, body: Body, pointer: str) -> None:
    problem = refusal(streamer_client, PATH, with_fault(body, pointer, 1))
    assert problem == (400, "unknown_field", [(pointer, "unknown_field")])


@pytest.mark.parametrize("value", [[], "body", 5])
def test_body_is_an_object(streamer_client: ApiClient, db: None, value: Any) -> None:
    assert refusal(streamer_client, PATH, value) == (400, "invalid", [("", "invalid_type")])


def test_unknown_session_is_not_found(streamer_client: ApiClient, body: Body) -> None:
    faulty = with_fault(body, "/context/session_id", str(ObjectId()))
    assert refusal(streamer_client, PATH, faulty) == (404, "session_not_found", [])


def test_session_of_another_streamer_is_not_found(streamer_client: ApiClient, body: Body) -> None:
    faulty = with_fault(body, "/context/session_id", str(SessionFactory().pk))
    assert refusal(streamer_client, PATH, faulty) == (404, "session_not_found", [])


def test_ended_session_takes_no_goal(streamer: User, streamer_client: ApiClient) -> None:
    body = funding_body(SessionFactory(user=streamer, ended=True))
    assert refusal(streamer_client, PATH, body) == (409, "session_ended", [])


def test_body_is_checked_before_the_session(streamer_client: ApiClient, body: Body) -> None:
    faulty = with_fault(with_fault(body, "/context/session_id", str(ObjectId())), "/exp", -1)
    assert refusal(streamer_client, PATH, faulty) == (400, "invalid", [("/exp", "duration")])
