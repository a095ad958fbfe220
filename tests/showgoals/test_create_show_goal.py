"""`POST /goals?type=show` creates a show and returns it."""

from datetime import timedelta

from django.contrib.auth.models import User
from time_machine import Traveller

from goals.models import Goal
from sessions_app.models import Session
from tests.factories.bodies import Body, show_body
from tests.factories.client import ApiClient
from tests.factories.documents import everything_stored, queued_messages, stored
from tests.factories.goals import HOUR, ShowFundingGoalFactory
from tests.factories.moments import SECONDS, WHOLE, as_stored

PATH = "/goals?lang=zh-hant&type=show"
# The example of the specification. The test replaces its ids.
EXAMPLE: Body = {
    "levels": [{"title": "Proceed", "target": 60}],
    "context": {
        "funding_goal_id": "6811c05bf672c8b2cbdc2432",
        "session_id": "6811bfd5d273022b46570ae5",
        "ticket_product_id": "livestream-show-ticket_200",
        "ticket_product_type": "show",
    },
    "nbf": 1745993863,
}


def test_example_of_the_specification_starts_at_once(paid_goal: Goal, streamer: User) -> None:
    """The `nbf` of the example is in the past, which means now."""
    ids = {"funding_goal_id": str(paid_goal.pk), "session_id": paid_goal.conditions.session_id}

    answer = ApiClient(streamer).post(PATH, EXAMPLE | {"context": EXAMPLE["context"] | ids})

    (goal,) = stored("goals", _cls="ShowGoal")
    assert (answer.status, answer.headers["Content-Language"]) == (201, "zh-hant")
    assert answer.body == {
        "id": str(goal["_id"]),
        "type": "show",
        "status": "scheduled",
        "version": 1,
        "active": True,
        "nbf": SECONDS,
        "exp": None,
        "access_exp": SECONDS + 60,
        "activated_at": None,
        "levels": [{"title": "Proceed", "target": 60}],
        "progress": 0,
        "conditions": {"session_id": ids["session_id"]},
        "context": {"type": "show", **EXAMPLE["context"], **ids},
        "metadata": {"user_id": str(streamer.pk)},
        "created_at": SECONDS,
    }
    (start,) = queued_messages("activate_goal")
    assert (start.args, start.lock) == ((str(goal["_id"]), SECONDS), as_stored(WHOLE))


def test_future_nbf_is_kept(paid_goal: Goal, streamer: User) -> None:
    answer = ApiClient(streamer).post(PATH, show_body(paid_goal, nbf=SECONDS + 3600))

    (goal,) = stored("goals", _cls="ShowGoal")
    assert (answer.body["nbf"], answer.body["access_exp"]) == (SECONDS + 3600, SECONDS + 3660)
    assert goal["nbf"] == as_stored(WHOLE + HOUR)


def test_show_without_a_payer_is_made_too(streamer_client: ApiClient, closed_goal: Goal) -> None:
    """The streamer may perform for less than the target, even for nothing (docs/adr, 0010 and 0017)."""
    assert streamer_client.post(PATH, show_body(closed_goal)).status == 201


def test_same_key_makes_one_show(streamer_client: ApiClient, body: Body) -> None:
    first = streamer_client.post(PATH, body, idempotency_key="1")
    written = everything_stored()
    again = streamer_client.post("/goals?type=show", body, idempotency_key="1")

    assert (again.status, again.body, again.headers["Idempotent-Replay"]) == (201, first.body, "true")
    assert everything_stored() == written


def test_key_of_a_refused_request_may_be_used_again(clock: Traveller, streamer: User, session: Session) -> None:
    goal = ShowFundingGoalFactory(session=session)
    client = ApiClient(streamer)
    refused = client.post(PATH, show_body(goal, nbf=SECONDS + 7200), idempotency_key="1")
    clock.shift(HOUR + timedelta(seconds=1))

    answer = ApiClient(streamer).post(PATH, show_body(goal, nbf=SECONDS + 7200), idempotency_key="1")

    assert (refused.problem[1], answer.status) == ("funding_still_open", 201)


def test_funding_goal_closes_when_its_exp_is_past(clock: Traveller, streamer: User, session: Session) -> None:
    """A funding goal is still open at its `exp`, and closed a millisecond later."""
    goal = ShowFundingGoalFactory(session=session, exp=WHOLE)
    clock.move_to(WHOLE)
    at_exp = ApiClient(streamer).post(PATH, show_body(goal, nbf=SECONDS))
    clock.shift(timedelta(milliseconds=1))
    after_exp = ApiClient(streamer).post(PATH, show_body(goal, nbf=SECONDS))

    assert (at_exp.problem[1], after_exp.status) == ("funding_still_open", 201)
