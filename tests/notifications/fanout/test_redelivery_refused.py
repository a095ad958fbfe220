"""A redelivery requires permission, a valid body, and a live show."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId
from django.contrib.auth.models import User

from mongodb.collections import collection
from sessions_app.models import Session
from tests.factories.client import ApiClient
from tests.factories.documents import queued_messages
from tests.factories.goals import ShowFundingGoalFactory
from tests.factories.people import StaffFactory
from tests.notifications.conftest import Audience
from tests.notifications.steps import redeliver

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("who", ["owner", "staff"])
def test_owner_and_staff_may_redeliver(in_chunks: Audience, streamer: User, who: str) -> None:
    person = streamer if who == "owner" else StaffFactory(permissions=("send_again",))
    assert redeliver(in_chunks.show, {}, person).status == 200


def test_others_may_not_redeliver(in_chunks: Audience, viewer: User, streamer: User) -> None:
    body = {"viewer_id": str(viewer.pk)}
    onlooker = StaffFactory(permissions=("view_goal", "change_goal"))
    assert redeliver(in_chunks.show, body, onlooker).problem == (404, "goal_not_found", [])
    assert redeliver(in_chunks.show, body, viewer).problem == (404, "goal_not_found", [])
    assert ApiClient(streamer).post(f"/goals/{ObjectId()}/redeliver", body).problem == (404, "goal_not_found", [])
    assert ApiClient(streamer).post("/goals/zzz/redeliver", body).problem == (404, "not_found", [])
    assert ApiClient().post(f"/goals/{in_chunks.show.pk}/redeliver", body).problem == (401, "not_authenticated", [])
    assert queued_messages("send_chunk") == []


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"viewer_id": "zzz"}, (400, "invalid", [("/viewer_id", "invalid_id")])),
        ({"viewer_id": None}, (400, "invalid", [("/viewer_id", "null")])),
        ({"viewer_id": str(ObjectId())}, (404, "viewer_not_found", [])),
        ({"viewers": []}, (400, "unknown_field", [("/viewers", "unknown_field")])),
        ([], (400, "invalid", [("", "invalid_type")])),
    ],
)
def test_bad_redelivery_is_refused(in_chunks: Audience, streamer: User, body: Any, problem: Any) -> None:
    assert redeliver(in_chunks.show, body, streamer).problem == problem
    assert queued_messages("send_chunk") == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"activated_at": None}, "not_started"),
        ({"activated_at": None, "cancelled_at": datetime.now(UTC), "active": False}, "not_started"),
        ({"exp": datetime.now(UTC), "active": False}, "already_ended"),
        ({"nbf": datetime.now(UTC) - timedelta(hours=1), "context.started": None}, "already_ended"),
    ],
    ids=["scheduled", "cancelled", "ended", "access over"],
)
def test_only_a_live_show_is_redelivered(in_chunks: Audience, streamer: User, change: Any, code: str) -> None:
    collection("goals").update_one({"_id": in_chunks.show.pk}, {"$set": change})
    for body in ({}, {"viewer_id": in_chunks.viewers[0]}):
        assert redeliver(in_chunks.show, body, streamer).problem == (409, code, [])


def test_funding_goal_cannot_be_redelivered(session: Session, streamer: User) -> None:
    assert redeliver(ShowFundingGoalFactory(session=session), {}, streamer).problem == (409, "not_started", [])
