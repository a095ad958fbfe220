"""The page of a user shows goals, payments and sessions only to staff who may see them on other pages."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from goals.models import Goal
from sessions_app.models import Session
from tests.factories.documents import everything_stored
from tests.factories.goals import HOUR, ContributionFactory, ShowFundingGoalFactory, ShowGoalFactory
from tests.factories.moments import NOW
from tests.factories.people import StaffFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]
GO_ON = "They go on as planned. Only a person who may cancel shows can end them."


@pytest.fixture
def show(session: Session, streamer: User) -> Goal:
    """A scheduled show of a streamer who has also paid for another streamer's show."""
    ContributionFactory(funding_goal=ShowFundingGoalFactory(), viewer=streamer, amount=77)
    goal: Goal = ShowGoalFactory(funding_goal=ShowFundingGoalFactory(session=session, closed=True), nbf=NOW + HOUR)
    return goal


def clerk(*permissions: str) -> Client:
    client = Client()
    client.force_login(StaffFactory(permissions=("view_user", "change_user", *permissions)))
    return client


def page(user: User, action: str = "change/") -> str:
    return reverse("admin:auth_user_change", args=[user.pk]).replace("change/", action)


def test_sessions_of_a_user_end_only_by_a_person_who_may_cancel_shows(streamer: User, show: Goal) -> None:
    browser, before = clerk(), everything_stored()
    question = browser.get(page(streamer, "deactivate/"))

    forged = browser.post(page(streamer, "deactivate/"), {"sessions": "end", "reason": ""})

    assert (GO_ON in question.content.decode(), _visible(question)) == (True, ["reason"])
    assert forged.status_code == 403
    after = everything_stored()
    assert [after[name] for name in ("goals", "sessions", "auth_user")] == [
        before[name] for name in ("goals", "sessions", "auth_user")
    ]

    assert browser.post(page(streamer, "deactivate/"), {"reason": ""}).status_code == 302
    assert not User.objects.get(pk=streamer.pk).is_active
    assert everything_stored()["goals"] == before["goals"]


@pytest.mark.parametrize(
    ("permissions", "shown"),
    [
        ((), [False, False, False]),
        (("view_goal",), [True, True, True]),
        (("change_goal",), [True, True, True]),
        (("cancel_goal",), [False, False, True]),
    ],
    ids=["none", "view", "change", "cancel"],
)
def test_goals_and_payments_are_shown_to_those_who_may_look_at_goals_and_to_those_who_may_end_them(
    streamer: User, show: Goal, permissions: tuple[str, ...], shown: list[bool]
) -> None:
    """A person who may only cancel shows sees them only on the page that deactivates the streamer."""
    goal_page, paid = reverse("admin:goals_goal_change", args=[show.pk]), ": 77 · "
    browser = clerk(*permissions)

    text = browser.get(page(streamer)).content.decode()
    question = browser.get(page(streamer, "deactivate/")).content.decode()

    assert [goal_page in text, paid in text, goal_page in question] == shown


@pytest.mark.parametrize("page", ["/admin/auth/group/add/", "/admin/auth/user/{}/change/"])
def test_permissions_are_named_in_the_language_of_the_reader(streamer: User, page: str) -> None:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))

    english = client.get(page.format(streamer.pk)).content.decode()
    chinese = client.get(page.format(streamer.pk), {"lang": "zh-hant"}).content.decode()

    assert "Goals | goal | Can send events again" in english
    assert "Goals | goal | Can view goal" in english
    assert "| 可以重新發送事件" in chinese
    assert "| 可以檢視" in chinese
    assert "| Can " not in chinese


def _visible(page: Any) -> list[str]:
    return [field.name for field in page.context["form"].visible_fields()]
