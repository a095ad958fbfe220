"""`POST /goals/{id}/payers/{viewer_id}/exclude` excludes a payer, and `/include` includes the payer again."""

from datetime import UTC
from functools import partial
from typing import Any

import pytest
from bson import ObjectId
from django.contrib.auth.models import User
from django.utils import timezone

from goals.models import Goal
from goals.tasks import activate_goal
from mongodb.collections import collection
from sessions_app.models import Session
from showgoals.exclusions import excluded_from, is_excluded
from tests.factories.client import Answer, ApiClient
from tests.factories.documents import everything_stored, stored, timeline
from tests.factories.goals import ContributionFactory, ShowFundingGoalFactory, ShowGoalFactory
from tests.factories.people import StaffFactory, UserFactory
from tests.factories.profiler import profiled
from tests.factories.threads import at_once

pytestmark = pytest.mark.django_db
CHARGEBACK = {"reason": "A chargeback."}


@pytest.fixture
def staff(db: None) -> User:
    user: User = StaffFactory(username="mei", permissions=("exclude_payers",))
    return user


@pytest.fixture
def show(session: Session, viewer: User) -> Goal:
    """A live show that the viewer has paid for."""
    funding_goal = ShowFundingGoalFactory(session=session, closed=True, paid_by=[viewer])
    goal: Goal = ShowGoalFactory(funding_goal=funding_goal, nbf=timezone.now().replace(microsecond=0))
    activate_goal(str(goal.pk), int(goal.window[0].timestamp()))
    return goal


def change(goal_id: object, viewer: User, what: str, by: User, body: Any = CHARGEBACK) -> Answer:
    return ApiClient(by).post(f"/goals/{goal_id}/payers/{viewer.pk}/{what}", body)


def notes(goal_id: object) -> list[tuple[str, str]]:
    return [(row["name"], row["detail"]) for row in timeline(goal_id) if row["outcome"] == "changed_by"]


def preset(viewer: User, show: Goal) -> str:
    return str(ApiClient(viewer).get(f"/sessions/{show.conditions.session_id}/token").body["preset"])


def may_subscribe(viewer: User, streamer: User) -> int:
    channel = f"presence-stream-viewer@{streamer.pk}.sd.{viewer.pk}"
    return ApiClient(viewer).post("/pusher/auth", {"socket_id": "1.1", "channel_name": channel}).status


@pytest.mark.parametrize("by_show", [True, False])
def test_excluded_payer_gets_no_credentials_and_is_let_in_again(
    show: Goal,
    staff: User,
    viewer: User,
    streamer: User,
    by_show: bool,  # noqa: FBT001
) -> None:
    funding_goal_id = show.context.funding_goal_id
    named = show.pk if by_show else funding_goal_id
    assert (preset(viewer, show), may_subscribe(viewer, streamer)) == ("sd", 200)

    excluded = change(named, viewer, "exclude", staff)

    at = stored("exclusions")[0]["at"]
    assert (excluded.status, excluded.body) == (
        200,
        {
            "viewer_id": str(viewer.pk),
            "goal_id": funding_goal_id,
            "excluded": True,
            "reason": "A chargeback.",
            "excluded_at": int(at.replace(tzinfo=UTC).timestamp()),
        },
    )
    assert (preset(viewer, show), may_subscribe(viewer, streamer)) == ("preview", 403)
    assert (excluded_from(funding_goal_id), is_excluded(str(viewer.pk), funding_goal_id)) == ({str(viewer.pk)}, True)

    included = change(named, viewer, "include", staff, {"reason": "A mistake."})

    assert included.body == {**excluded.body, "excluded": False, "reason": None, "excluded_at": None}
    assert (preset(viewer, show), may_subscribe(viewer, streamer)) == ("sd", 200)
    both = [
        ("exclude_payer", f"staff mei, viewer {viewer.pk}: A chargeback."),
        ("include_payer", f"staff mei, viewer {viewer.pk}: A mistake."),
    ]
    assert (notes(show.pk), notes(funding_goal_id)) == (both, both)


@pytest.mark.parametrize("what", ["exclude", "include"])
def test_second_call_changes_nothing(show: Goal, staff: User, viewer: User, what: str) -> None:
    change(show.pk, viewer, "exclude", staff)
    first = change(show.pk, viewer, what, staff)
    before = everything_stored()
    second = change(show.pk, viewer, what, staff, {"reason": "Another reason."})
    assert (second.status, second.body, everything_stored()) == (200, first.body, before)


def test_five_exclusions_at_once_are_one(show: Goal, staff: User, viewer: User) -> None:
    answers = at_once([partial(change, show.pk, viewer, "exclude", staff)] * 5)
    assert [answer.status for answer in answers] == [200] * 5
    assert len(notes(show.pk)) == 1


def test_one_payer_is_excluded_from_one_goal_only(
    show: Goal, staff: User, viewer: User, streamer: User, session: Session
) -> None:
    other: User = UserFactory()
    ContributionFactory(funding_goal=ShowFundingGoalFactory(session=session), viewer=viewer)
    collection("goals").update_one(
        {"_id": ObjectId(show.context.funding_goal_id)}, {"$set": {f"breakdown.{other.pk}": {"amount": 5}}}
    )
    change(show.pk, viewer, "exclude", staff)
    assert (preset(viewer, show), preset(other, show)) == ("preview", "sd")
    assert may_subscribe(viewer, streamer) == 200  # allowed because of the payment for the goal that is still open
    change(show.pk, other, "exclude", staff)  # this payer is only in `breakdown`
    assert preset(other, show) == "preview"


@pytest.mark.parametrize("what", ["exclude", "include"])
def test_viewer_who_never_paid_is_not_found(show: Goal, staff: User, what: str) -> None:
    before = everything_stored()
    stranger: User = UserFactory()
    assert change(show.pk, stranger, what, staff).problem == (404, "viewer_not_found", [])
    assert everything_stored().keys() == before.keys()


@pytest.mark.parametrize("what", ["exclude", "include"])
def test_only_staff_with_the_permission_may_exclude(show: Goal, viewer: User, streamer: User, what: str) -> None:
    for person in (streamer, viewer, StaffFactory()):
        assert change(show.pk, viewer, what, person).problem == (404, "goal_not_found", [])
    assert change(show.pk, viewer, what, UserFactory(is_staff=True, is_superuser=True)).status == 200
    assert ApiClient().post(f"/goals/{show.pk}/payers/{viewer.pk}/{what}", CHARGEBACK).status == 401


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({}, (400, "invalid", [("/reason", "required")])),
        ({"reason": " "}, (400, "invalid", [("/reason", "blank")])),
        ({"reason": "x" * 401}, (400, "invalid", [("/reason", "max_length")])),
        ({**CHARGEBACK, "refund": True}, (400, "unknown_field", [("/refund", "unknown_field")])),
    ],
)
def test_bad_body_is_refused(show: Goal, staff: User, viewer: User, body: Any, problem: Any) -> None:
    for what in ("exclude", "include"):
        assert change(show.pk, viewer, what, staff, body).problem == problem


def test_excluded_viewer_cannot_pay_again(session: Session, staff: User, viewer: User) -> None:
    funding_goal = ShowFundingGoalFactory(session=session, paid_by=[viewer])
    change(funding_goal.pk, viewer, "exclude", staff)
    pay = partial(ApiClient(viewer).post, f"/goals/{funding_goal.pk}/contributions", {"amount": 5})
    assert pay(idempotency_key="1").problem == (409, "payer_excluded", [])
    collection("goals").update_many({}, {"$unset": {"has_excluded": ""}})  # as an earlier release has stored it
    assert pay(idempotency_key="1").problem == (409, "payer_excluded", [])
    change(funding_goal.pk, viewer, "include", staff)
    assert pay(idempotency_key="1").status == 201


def test_streamer_cannot_pay_for_an_own_goal(session: Session, streamer_client: ApiClient) -> None:
    path = f"/goals/{ShowFundingGoalFactory(session=session).pk}/contributions"
    before = everything_stored()
    assert streamer_client.post(path, {"amount": 5}, idempotency_key="1").problem == (409, "own_goal", [])
    assert everything_stored() == before


def test_excluded_payers_are_read_by_the_primary_key(show: Goal, staff: User, viewer: User) -> None:
    collection("exclusions").insert_many([{"_id": f"{ObjectId()}:{viewer.pk}"} for _ in range(20)])
    change(show.pk, viewer, "exclude", staff)
    with profiled() as profile:
        assert excluded_from(show.context.funding_goal_id) == {str(viewer.pk)}
    (query,) = profile.queries
    assert query.stages == {"PROJECTION_COVERED", "IXSCAN"}
