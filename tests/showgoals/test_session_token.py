"""`GET /sessions/{id}/token` returns what a user may see of a session now, and the credentials for it."""

import re
from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId
from django.conf import settings
from django.contrib.auth.models import User
from time_machine import Traveller

from goals.models import Goal
from goals.tasks import activate_goal
from sessions_app.models import Session
from sessions_app.rtc.access_token import Privilege, parse_access_token, verify_access_token
from tests.factories.client import Answer, ApiClient
from tests.factories.documents import connection, everything_stored
from tests.factories.goals import HOUR, SessionFactory, ShowFundingGoalFactory, ShowGoalFactory
from tests.factories.moments import SECONDS, WHOLE, as_stored
from tests.factories.people import UserFactory
from tests.factories.stream_tokens import StreamToken, read_stream_token

NBF = WHOLE + HOUR
NBF_SECONDS = SECONDS + 3600
MINUTE = timedelta(minutes=1)


@pytest.fixture
def show(paid_goal: Goal) -> Goal:
    """A show of 60 seconds that starts in an hour. The viewer has paid for it."""
    goal: Goal = ShowGoalFactory(funding_goal=paid_goal, nbf=NBF)
    return goal


@pytest.fixture
def live_show(show: Goal, clock: Traveller) -> Goal:
    """The show, ten seconds after its start."""
    clock.move_to(NBF)
    assert activate_goal(str(show.pk), NBF_SECONDS) == "started"
    clock.move_to(NBF + timedelta(seconds=10))
    return show


def token_of(user: User, session: Session) -> Answer:
    return ApiClient(user).get(f"/sessions/{session.pk}/token")


def assert_preview(answer: Answer, user: User, session: Session, *, now: int) -> None:
    """Check that the response is a preview: its token lasts five minutes and gives no access to the room."""
    token = answer.body.pop("token")
    assert (answer.status, answer.body) == (
        200,
        {"preset": "preview", "byteplus_token": None, "byteplus_rtc_info": None, "nbf": None, "exp": None},
    )
    assert read_stream_token(token, now=now) == StreamToken(
        viewer_id=str(user.pk),
        streamer_id=str(session.user_id),
        session_id=str(session.pk),
        goal_id=None,
        preset="preview",
        nbf=now,
        exp=now + 300,
    )


def test_payer_of_the_running_show_sees_it(live_show: Goal, viewer: User, session: Session) -> None:
    now, exp, room, user_id = NBF_SECONDS + 10, NBF_SECONDS + 60, str(session.pk), str(viewer.pk)

    answer = token_of(viewer, session)

    token, byteplus_token = answer.body["token"], answer.body["byteplus_token"]
    info = answer.body["byteplus_rtc_info"]
    second_id = info["user_id"]
    assert re.fullmatch(rf"{user_id}__stream_authorized__{now}\.[0-9a-f]{{4}}", second_id)
    assert answer.body == {
        "preset": "sd",
        "token": token,
        "byteplus_token": byteplus_token,
        "byteplus_rtc_info": {
            "app_id": settings.BYTEPLUS_APP_ID,
            "room_id": room,
            "user_id": second_id,
            "token": info["token"],
            "exp": exp,
        },
        "nbf": NBF_SECONDS,
        "exp": exp,
    }
    assert read_stream_token(token, now=now) == StreamToken(
        viewer_id=user_id,
        streamer_id=str(session.user_id),
        session_id=room,
        goal_id=str(live_show.pk),
        preset="sd",
        nbf=NBF_SECONDS,
        exp=exp,
    )
    assert _grant(byteplus_token, now=now) == (room, user_id, exp, {Privilege.SUBSCRIBE: exp})
    assert _grant(info["token"], now=now) == (room, second_id, exp, {Privilege.SUBSCRIBE: exp})


def test_answer_is_neither_cached_nor_stored(live_show: Goal, viewer: User, session: Session) -> None:
    before = everything_stored()

    answer = token_of(viewer, session)

    assert answer.headers["Cache-Control"] == "private, no-store"
    now = as_stored(NBF + timedelta(seconds=10))
    fetch = {"_id": f"{live_show.pk}:{viewer.pk}", "first_at": now, "last_at": now, "count": 1}
    assert everything_stored() == before | {"credential_fetches": [fetch]}


def test_streamer_publishes(show: Goal, streamer: User, session: Session) -> None:
    exp, room, user_id = SECONDS + 3600, str(session.pk), str(streamer.pk)

    body = token_of(streamer, session).body

    publishing = (Privilege.PUBLISH, Privilege.PUBLISH_AUDIO, Privilege.PUBLISH_VIDEO, Privilege.PUBLISH_DATA)
    privileges = dict.fromkeys((*publishing, Privilege.SUBSCRIBE), exp)
    second_id = body["byteplus_rtc_info"]["user_id"]
    assert re.fullmatch(rf"{user_id}__stream_authorized__{SECONDS}\.[0-9a-f]{{4}}", second_id)
    assert (body["preset"], body["nbf"], body["exp"]) == ("publish", SECONDS, exp)
    assert _grant(body["byteplus_token"], now=SECONDS) == (room, user_id, exp, privileges)
    assert read_stream_token(body["token"], now=SECONDS).preset == "publish"


def test_streamer_of_another_session_is_a_viewer(live_show: Goal, session: Session) -> None:
    other = SessionFactory().user
    assert_preview(token_of(other, session), other, session, now=NBF_SECONDS + 10)


def test_viewer_without_a_payment_sees_the_preview(live_show: Goal, session: Session) -> None:
    poor = UserFactory()
    assert_preview(token_of(poor, session), poor, session, now=NBF_SECONDS + 10)


def test_payer_of_another_goal_sees_the_preview(live_show: Goal, session: Session) -> None:
    other = UserFactory()
    ShowFundingGoalFactory(session=session, closed=True, paid_by=[other])
    assert_preview(token_of(other, session), other, session, now=NBF_SECONDS + 10)


@pytest.mark.parametrize("ahead", [-3600, -1])
def test_payer_sees_the_preview_before_nbf(
    show: Goal, clock: Traveller, viewer: User, session: Session, ahead: int
) -> None:
    clock.move_to(NBF + timedelta(seconds=ahead))
    assert_preview(token_of(viewer, session), viewer, session, now=NBF_SECONDS + ahead)


def test_payer_sees_the_preview_until_the_show_has_started(
    show: Goal, clock: Traveller, viewer: User, session: Session
) -> None:
    """The show's `nbf` has passed, but no worker has started the show."""
    clock.move_to(NBF + timedelta(seconds=5))
    assert_preview(token_of(viewer, session), viewer, session, now=NBF_SECONDS + 5)


@pytest.mark.parametrize(("after", "preset"), [(0, "sd"), (59, "sd"), (60, "preview"), (61, "preview")])
def test_access_lasts_from_nbf_until_access_exp(
    live_show: Goal, clock: Traveller, viewer: User, after: int, preset: str
) -> None:
    clock.move_to(NBF + timedelta(seconds=after))
    assert ApiClient(viewer).get(f"/sessions/{live_show.conditions.session_id}/token").body["preset"] == preset


@pytest.mark.parametrize("name", ["cancelled_at", "exp"])
def test_payer_sees_the_preview_when_the_show_is_over(
    live_show: Goal, viewer: User, session: Session, name: str
) -> None:
    connection.get_collection("goals").update_one({"_id": live_show.pk}, {"$set": {name: NBF}})
    assert_preview(token_of(viewer, session), viewer, session, now=NBF_SECONDS + 10)


def test_access_ends_the_shows_length_after_the_streamer_began(
    live_show: Goal, clock: Traveller, viewer: User, session: Session
) -> None:
    started = {"context.started": NBF + timedelta(seconds=30), "context.started_by": "streamer"}
    connection.get_collection("goals").update_one({"_id": live_show.pk}, {"$set": started})
    clock.move_to(NBF + timedelta(seconds=80))

    body = token_of(viewer, session).body

    assert (body["preset"], body["nbf"], body["exp"]) == ("sd", NBF_SECONDS, NBF_SECONDS + 90)


def test_each_of_two_running_shows_lets_its_own_payers_in(session: Session, clock: Traveller) -> None:
    """The first show starts 50 seconds late, so it still runs when the next begins. A viewer may have paid for both."""
    first, second, both = (UserFactory() for _ in range(3))
    planned = {NBF: first, NBF + MINUTE: second}
    goals = [ShowFundingGoalFactory(session=session, closed=True, paid_by=[payer, both]) for payer in planned.values()]
    shows = [ShowGoalFactory(funding_goal=goal, nbf=nbf) for goal, nbf in zip(goals, planned, strict=True)]
    for show, starts_at in zip(shows, (NBF + timedelta(seconds=50), NBF + MINUTE), strict=True):
        clock.move_to(starts_at)
        assert activate_goal(str(show.pk), int(show.window[0].timestamp())) == "started"

    seen = [token_of(user, session).body for user in (first, second, both)]

    late, on_time = ("sd", NBF_SECONDS, NBF_SECONDS + 110), ("sd", NBF_SECONDS + 60, NBF_SECONDS + 120)
    assert [(body["preset"], body["nbf"], body["exp"]) for body in seen] == [late, on_time, on_time]


def test_ended_session_has_no_tokens(viewer: User) -> None:
    assert token_of(viewer, SessionFactory(ended=True)).problem == (409, "session_ended", [])


@pytest.mark.parametrize(("session_id", "code"), [(ObjectId(), "session_not_found"), ("zzz", "not_found")])
def test_unknown_session_is_not_found(viewer_client: ApiClient, session_id: object, code: str) -> None:
    assert viewer_client.get(f"/sessions/{session_id}/token").problem == (404, code, [])


def _grant(token: str, *, now: int) -> tuple[str, str, int, dict[Any, int]]:
    """Return the room, user, expiry and privileges that a valid token of the product grants."""
    assert verify_access_token(token, app_key=settings.BYTEPLUS_APP_KEY, now=now)
    parsed = parse_access_token(token)
    assert (parsed.app_id, parsed.issued_at) == (settings.BYTEPLUS_APP_ID, now)
    return parsed.room_id, parsed.user_id, parsed.expire_at, dict(parsed.privileges)
