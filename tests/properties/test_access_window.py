"""Every credential of a show gives access from its start until access_exp, and at no other time."""

from datetime import datetime
from itertools import count
from typing import Any

import jwt
import pytest
from bson import ObjectId
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from goals.access import access_exp_expression
from goals.models import Goal
from sessions_app.credentials import PaidWindow, preview_credentials, sd_credentials
from sessions_app.models import Session
from sessions_app.rtc.access_token import Privilege, parse_access_token, verify_access_token
from showgoals.token_view import SessionHead, session_token
from tests.factories.documents import connection
from tests.factories.goals import ShowFundingGoalFactory, ShowGoalFactory
from tests.factories.moments import as_stored
from tests.factories.stream_tokens import read_stream_token
from tests.properties.strategies import SHOW_TIMES, ShowTimes, show_and_moment

VIEWER, STREAMER, SESSION, GOAL = (str(ObjectId()) for _ in range(4))
versions = count(1)

on_mongodb = settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])


def seconds(moment: datetime) -> int:
    return int(moment.timestamp())


def window(times: ShowTimes) -> PaidWindow:
    return PaidWindow(
        goal_id=GOAL, session_id=SESSION, streamer_id=STREAMER, nbf=seconds(times.nbf), exp=seconds(times.access_exp)
    )


def plays(token: str, now: datetime) -> bool:
    """Tell whether the player accepts the token."""
    try:
        read_stream_token(token, now=seconds(now))
    except jwt.InvalidTokenError:
        return False
    return True


def stored_times(times: ShowTimes) -> dict[str, Any]:
    levels = [{"title": "Warm-up", "target": 1}, {"title": "Proceed", "target": times.target_seconds}]
    return {
        "levels": levels,
        "progress": times.progress_seconds,
        "nbf": times.nbf,
        "context.started": times.started,
    }


@given(show_and_moment())
def test_stream_token_plays_exactly_in_the_window(drawn: tuple[ShowTimes, datetime]) -> None:
    times, now = drawn
    token = sd_credentials(window(times), VIEWER, now=seconds(times.nbf))["token"]

    assert plays(token, now) == times.is_open(now)


@given(show_and_moment())
def test_rtc_tokens_expire_at_access_exp(drawn: tuple[ShowTimes, datetime]) -> None:
    times, now = drawn
    exp = seconds(times.access_exp)
    credentials = sd_credentials(window(times), VIEWER, now=seconds(times.nbf))
    info = credentials["byteplus_rtc_info"]

    for token in (credentials["byteplus_token"], info["token"]):
        parsed = parse_access_token(token)
        assert (parsed.expire_at, parsed.privileges, info["exp"]) == (exp, {Privilege.SUBSCRIBE: exp}, exp)
        is_good = verify_access_token(token, app_key=django_settings.BYTEPLUS_APP_KEY, now=seconds(now))
        assert is_good == (now < times.access_exp)


@on_mongodb
@given(times=SHOW_TIMES, is_null=st.booleans())
def test_projection_of_a_find_is_access_exp(db: None, times: ShowTimes, is_null: bool) -> None:  # noqa: FBT001
    """If the show has not begun late, `context.started` is null or missing, which means the same."""
    context = {} if times.started is None and not is_null else {"started": times.started}
    show = {**stored_times(times), "_id": ObjectId(), "_cls": "ShowGoal", "context": context}
    del show["context.started"]
    goals = connection.get_collection("goals")
    goals.insert_one(show)

    found = goals.find_one({"_id": show["_id"]}, {"ends": access_exp_expression()})
    over = goals.count_documents({"_id": show["_id"], "$expr": {"$lte": [access_exp_expression(), times.access_exp]}})
    sooner = goals.count_documents({"_id": show["_id"], "$expr": {"$lt": [access_exp_expression(), times.access_exp]}})

    assert (found["ends"], over, sooner) == (as_stored(times.access_exp), 1, 0)


@pytest.fixture
def show(session: Session, viewer: User) -> Goal:
    """A show that the viewer has paid for."""
    goal: Goal = ShowGoalFactory(funding_goal=ShowFundingGoalFactory(session=session, closed=True, paid_by=[viewer]))
    return goal


@on_mongodb
@given(drawn=show_and_moment())
def test_token_view_gives_sd_exactly_in_the_window(show: Goal, viewer: User, drawn: tuple[ShowTimes, datetime]) -> None:
    (times, now), viewer_id = drawn, str(viewer.pk)
    change = {**stored_times(times), "activated_at": times.nbf}
    connection.get_collection("goals").update_one({"_id": show.pk}, {"$set": change})
    # Each example has a version of its own, as if the cache had been invalidated.
    session = SessionHead(show.conditions.session_id, show.metadata.user_id, version=next(versions))

    answer = session_token(session, viewer_id, now=now)

    token, rtc_token, info = (answer[name] for name in ("token", "byteplus_token", "byteplus_rtc_info"))
    if not times.is_open(now):
        free = preview_credentials(session.session_id, session.streamer_id, viewer_id, now=seconds(now))
        assert answer == free
        return
    exp = seconds(times.access_exp)
    assert (answer["preset"], answer["nbf"], answer["exp"]) == ("sd", seconds(times.nbf), exp)
    assert [plays(token, moment) for moment in (now, times.access_exp)] == [True, False]
    assert [parse_access_token(each).expire_at for each in (rtc_token, info["token"])] == [exp, exp]
