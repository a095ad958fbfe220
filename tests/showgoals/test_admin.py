"""In the admin, operators can look at everything and move or cancel a show, but do nothing else."""

from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from goals.models import Goal
from goals.tasks import activate_goal
from mongodb.collections import collection
from sessions_app.models import Session
from tests.factories.bodies import show_body
from tests.factories.client import ApiClient
from tests.factories.documents import everything_stored, queued_messages
from tests.factories.goals import ShowFundingGoalFactory, ShowGoalFactory

pytestmark = pytest.mark.django_db
IN_TWO_HOURS = timedelta(hours=2)


@pytest.fixture
def show(session: Session) -> Goal:
    goal: Goal = ShowGoalFactory(funding_goal=ShowFundingGoalFactory(session=session, closed=True))
    return goal


def change_url(goal: Goal) -> str:
    return reverse("admin:goals_goal_change", args=[goal.pk])


def form(goal: Goal, **changes: Any) -> dict[str, Any]:
    """Return what a browser sends for the goal's page after these changes."""
    nbf = goal.window[0]
    level = goal.levels[0]
    shown = {
        "nbf_0": f"{nbf:%Y-%m-%d}",
        "nbf_1": f"{nbf:%H:%M:%S}",
        "title": level.title,
        "target_seconds": level.target,
    }
    hidden = {f"initial-{name}": value for name, value in shown.items()}
    return {**shown, **hidden, "seen_version": goal.version, "seen_status": "scheduled", **changes}


def messages(response: Any) -> list[str]:
    return [str(message) for message in response.context["messages"]]


@pytest.mark.parametrize(
    "page",
    [
        "admin:index",
        "admin:goals_goal_changelist",
        "admin:sessions_app_session_changelist",
        "admin:django_q_ormq_changelist",
        "admin:django_q_schedule_changelist",
        "admin:django_q_success_changelist",
        "admin:django_q_failure_changelist",
        "admin:auth_user_changelist",
    ],
)
def test_page_opens(admin: Client, show: Goal, page: str) -> None:
    assert admin.get(reverse(page)).status_code == 200


def test_goals_can_be_filtered_by_kind_and_status(admin: Client, show: Goal) -> None:
    url = reverse("admin:goals_goal_changelist")
    for query, expected in [
        ({"kind__exact": "ShowGoal"}, [show.pk]),
        ({"status": "scheduled"}, [show.pk]),
        ({"status": "live"}, []),
        ({"status": "closed"}, [ObjectId(show.context.funding_goal_id)]),
    ]:
        response = admin.get(url, query)
        assert [goal.pk for goal in response.context["cl"].result_list] == expected


def test_goals_are_found_by_id_only(admin: Client, show: Goal) -> None:
    url = reverse("admin:goals_goal_changelist")
    funding_goal = ObjectId(show.context.funding_goal_id)
    for text, expected in [
        (str(show.pk), [show.pk]),
        (show.conditions.session_id, [show.pk, funding_goal]),
        (show.metadata.user_id, [show.pk, funding_goal]),
        (f"{show.pk}-{show.metadata.user_id}", [show.pk]),  # the code that a payer reads out
        ("Proceed", []),
    ]:
        response = admin.get(url, {"q": text})
        assert [goal.pk for goal in response.context["cl"].result_list] == expected


def test_sessions_are_found_by_id_and_shown(admin: Client, session: Session, show: Goal) -> None:
    url = reverse("admin:sessions_app_session_changelist")
    for text, expected in [(str(session.pk), [session]), (str(session.user_id), [session]), ("Evening", [])]:
        assert list(admin.get(url, {"q": text}).context["cl"].result_list) == expected
    page = admin.get(reverse("admin:sessions_app_session_change", args=[session.pk]))
    assert change_url(show) in page.content.decode()


def test_show_is_moved_through_the_use_case(admin: Client, show: Goal) -> None:
    later = show.window[0] + IN_TWO_HOURS
    body = form(show, nbf_0=f"{later:%Y-%m-%d}", nbf_1=f"{later:%H:%M:%S}", title="Encore", target_seconds=90)
    response = admin.post(change_url(show), body, follow=True)
    assert response.redirect_chain == [(reverse("admin:goals_goal_changelist"), 302)]
    moved = Goal.objects.get(pk=show.pk)
    assert (moved.nbf, moved.levels_data()) == (later, [{"title": "Encore", "target": 90}])
    assert queued_messages("activate_goal")[-1].args == (str(show.pk), int(later.timestamp()))


@pytest.mark.parametrize(
    ("field", "value"), [("target_seconds", 0), ("target_seconds", 86_401), ("title", ""), ("nbf_0", "never")]
)
def test_bad_value_is_shown_at_its_field(admin: Client, show: Goal, field: str, value: Any) -> None:
    before = everything_stored()
    response = admin.post(change_url(show), form(show, **{field: value}))
    assert (response.status_code, everything_stored()) == (200, before)
    assert field.removesuffix("_0") in response.context["adminform"].form.errors


def test_error_of_the_use_case_is_shown(admin: Client, session: Session, show: Goal) -> None:
    later = show.window[0] + IN_TWO_HOURS
    other = ShowGoalFactory(funding_goal=ShowFundingGoalFactory(session=session, closed=True), nbf=later)
    nbf = show.window[0]
    body = form(other, nbf_0=f"{nbf:%Y-%m-%d}", nbf_1=f"{nbf:%H:%M:%S}")
    response = admin.post(change_url(other), body, follow=True)
    assert messages(response) == ["The session has another show at that time."]
    assert Goal.objects.get(pk=other.pk).nbf == later


def test_started_show_and_funding_goal_are_read_only(admin: Client, session: Session) -> None:
    now = timezone.now().replace(microsecond=0)
    show = ShowGoalFactory(funding_goal=ShowFundingGoalFactory(session=session, closed=True), nbf=now)
    activate_goal(str(show.pk), int(show.window[0].timestamp()))
    for goal in Goal.objects.all():
        before = everything_stored()
        assert 'name="nbf_0"' not in admin.get(change_url(goal)).content.decode()
        admin.post(change_url(goal), form(show, title="Hacked"))
        after = everything_stored()
        assert {name for name in after if after[name] != before.get(name, [])} <= {"django_admin_log"}


def test_goals_and_sessions_cannot_be_added_or_deleted(admin: Client, session: Session, show: Goal) -> None:
    for model, thing in (("goals_goal", show), ("sessions_app_session", session)):
        assert admin.get(reverse(f"admin:{model}_add")).status_code == 403
        assert admin.post(reverse(f"admin:{model}_delete", args=[thing.pk]), {"post": "yes"}).status_code == 403
    assert (Goal.objects.count(), Session.objects.count()) == (2, 1)


def test_unknown_and_impossible_ids_go_back_to_the_index(admin: Client) -> None:
    for goal_id in (str(ObjectId()), "zzz"):
        response = admin.get(reverse("admin:goals_goal_change", args=[goal_id]))
        assert (response.status_code, response.headers["Location"]) == (302, "/admin/")


def test_page_says_which_request_wrote_a_row(admin: Client, streamer: User, session: Session) -> None:
    body = show_body(ShowFundingGoalFactory(session=session, closed=True))
    created = ApiClient(streamer).post("/goals?type=show", body, x_request_id="mine")
    collection("goal_timeline").update_many({"name": "goal.added"}, {"$unset": {"request_id": ""}})  # an old row

    page: Any = admin.get(reverse("admin:goals_goal_change", args=[created.body["id"]]))

    assert "<summary>request</summary>mine</details>" in page.content.decode()
    timeline = next(each["timeline"] for each in page.context if "timeline" in each)
    asked = {row.name: row.request_id for row in timeline.rows}
    assert (asked["goal.created"], asked["goal.added"]) == ("mine", "")
