"""`POST /goals?type=show-funding` returns the funding goal, and writes exactly the expected documents."""

from datetime import timedelta

import pytest
from bson import ObjectId
from django.contrib.auth.models import User
from time_machine import Traveller

from goals.event_ids import event_id
from notifications.events import as_json
from notifications.former_messages import former_event
from sessions_app.models import Session
from tests.factories.bodies import funding_body
from tests.factories.client import ApiClient
from tests.factories.documents import QueuedMessage, everything_stored, queued_messages, stored, stored_one
from tests.factories.goals import HOUR
from tests.factories.moments import NOW, SECONDS, WHOLE, as_stored

PATH = "/goals?type=show-funding"


def test_funding_goal_is_answered(clock: Traveller, session: Session, streamer: User) -> None:
    body = funding_body(session)

    answer = ApiClient(streamer).post(PATH, body)

    (goal,) = stored("goals")
    assert answer.status == 201
    assert answer.body == {
        "id": str(goal["_id"]),
        "type": "show-funding",
        "status": "open",
        "version": 1,
        "active": True,
        "nbf": None,
        "exp": SECONDS + 3600,
        "access_exp": None,
        "activated_at": None,
        "levels": [{"title": "Tickets", "target": 1000}],
        "progress": 0,
        "conditions": {"session_id": str(session.pk)},
        "context": {"type": "show-funding", **body["context"]},
        "metadata": {"user_id": str(streamer.pk)},
        "created_at": SECONDS,
    }


def test_funding_goal_is_stored_with_its_pair(clock: Traveller, session: Session, streamer: User) -> None:
    body = funding_body(session)
    before = everything_stored()
    goal_id = ApiClient(streamer).post(PATH, body).body["id"]
    after = everything_stored()

    nothing_of_a_show = dict.fromkeys(
        ("funding_goal_id", "started", "started_by", "show_goal_id", "exclusive_goal_id"),
    )
    assert after["goals"] == [
        {
            "_id": ObjectId(goal_id),
            "_cls": "ShowFundingGoal",
            "active": True,
            "activated_at": None,
            "cancelled_at": None,
            "nbf": None,
            "exp": as_stored(WHOLE + HOUR),
            "conditions": {"session_id": str(session.pk)},
            "levels": [{"title": "Tickets", "target": 1000}],
            "progress": 0,
            "breakdown": {},
            "payers": None,
            "context": {"type": "show-funding", **body["context"], **nothing_of_a_show},
            "metadata": {"user_id": str(streamer.pk)},
            "created_at": as_stored(NOW),
            "version": 1,
            "cancel_reason": None,
            "cancelled_version": None,
            "moved_version": None,
            "lapses_at": None,
            "settlement": None,
            "lapsed_version": None,
            "has_excluded": False,
        }
    ]
    pair = {"funding_goal": ObjectId(goal_id), "funding_ended": False, "show_goal": None, "show_ended": False}
    assert after["sessions"] == [before["sessions"][0] | {"show_goal_pairs": [pair], "cache_version": 1}]


def test_new_funding_goal_queues_its_events_feed_entry_and_end(
    clock: Traveller, session: Session, streamer: User
) -> None:
    goal_id = ApiClient(streamer).post(PATH, funding_body(session)).body["id"]

    tracked = (event_id(goal_id, "goal.created", 1), "goal.created", goal_id, "ShowFundingGoal", str(streamer.pk))
    told = str(streamer.pk), as_json(former_event("goal.added", goal_id).data)
    now, exp = as_stored(NOW), SECONDS + 3600
    after_exp = as_stored(WHOLE + timedelta(hours=1, milliseconds=1))  # the goal is still open at its exp
    assert sorted(queued_messages(), key=lambda message: message.func) == [
        QueuedMessage("analytics.tasks.track", (*tracked, SECONDS * 1000 + 250), goal_id, now),
        QueuedMessage("goals.tasks.deactivate_goal", (goal_id, exp), goal_id, after_exp),
        QueuedMessage("notifications.tasks.notify_goal", ("goal.added", goal_id, *told), goal_id, now),
        QueuedMessage("sessions_app.tasks.write_livestream_feed", (goal_id,), goal_id, now),
        QueuedMessage("webhooks.tasks.publish_events", (), None, now),
    ]


def test_funding_goal_without_an_end_stays_open(session: Session, streamer_client: ApiClient) -> None:
    bodies = [funding_body(session) | {"exp": None}, funding_body(session)]
    del bodies[1]["exp"]

    answers = [streamer_client.post(PATH, body) for body in bodies]

    assert [(answer.status, answer.body["exp"], answer.body["status"]) for answer in answers] == [
        (201, None, "open"),
        (201, None, "open"),
    ]


def test_session_has_a_pair_for_each_of_its_funding_goals(session: Session, streamer_client: ApiClient) -> None:
    goals = [streamer_client.post(PATH, funding_body(session)).body["id"] for _ in range(3)]

    pairs = stored_one("sessions", session.pk)["show_goal_pairs"]
    assert [str(pair["funding_goal"]) for pair in pairs] == goals


def test_same_key_opens_one_funding_goal(session: Session, streamer_client: ApiClient) -> None:
    body = funding_body(session)
    first = streamer_client.post(PATH, body, idempotency_key="1")
    written = everything_stored()
    again = streamer_client.post(PATH, body, idempotency_key="1")

    assert (again.status, again.body) == (201, first.body)
    assert everything_stored() == written


@pytest.mark.parametrize(("exp", "status"), [(SECONDS - 1, 400), (SECONDS, 400), (SECONDS + 1, 201)])
def test_exp_lies_in_the_future(
    clock: Traveller, session: Session, streamer_client: ApiClient, exp: int, status: int
) -> None:
    assert streamer_client.post(PATH, funding_body(session, exp=exp)).status == status


def test_request_repeated_after_its_exp_gets_the_first_answer(
    clock: Traveller, session: Session, streamer_client: ApiClient
) -> None:
    body = funding_body(session, exp=SECONDS + 5)
    first = streamer_client.post(PATH, body, idempotency_key="1")
    clock.shift(10)

    again = streamer_client.post(PATH, body, idempotency_key="1")

    assert (first.status, again.status, again.body) == (201, 201, first.body)
    assert streamer_client.post(PATH, body).problem == (400, "invalid", [("/exp", "in_the_past")])
