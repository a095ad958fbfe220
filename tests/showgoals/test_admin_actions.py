"""The buttons on the admin page of a show ask first, and do nothing if the show has changed meanwhile."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from goals.models import Goal
from goals.tasks import activate_goal
from mongodb.collections import collection
from sessions_app.models import Session
from tests.factories.client import ApiClient
from tests.factories.documents import everything_stored
from tests.factories.goals import HOUR, ShowFundingGoalFactory, ShowGoalFactory
from tests.factories.moments import NOW, SECONDS
from tests.showgoals.pages import messages, notes, open_form, page, split, stored

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]
NBF = datetime(2026, 3, 1, 20, 15, 37, tzinfo=UTC)


@pytest.fixture
def show(session: Session) -> Goal:
    funding_goal = ShowFundingGoalFactory(session=session, closed=True)
    goal: Goal = ShowGoalFactory(funding_goal=funding_goal, nbf=NBF)
    return goal


def test_show_starts_now_after_a_question(admin: Client, show: Goal) -> None:
    assert page(show, "start-now/") in admin.get(page(show)).content.decode()
    fields = open_form(admin, page(show, "start-now/"))

    response = admin.post(page(show, "start-now/"), fields, follow=True)

    assert (response.redirect_chain, messages(response)) == ([(page(show), 302)], ["The show starts now."])
    assert int(stored(show).starts_at.timestamp()) == SECONDS
    assert activate_goal(str(show.pk), SECONDS) == "started"
    assert [entry.change_message for entry in LogEntry.objects.all()] == ["Start now"]
    assert notes(show) == [("move_show_goal", "version 2, staff admin: nbf 2026-03-01 20:15:37 -> 2026-03-01 12:00:00")]


def test_cancelled_show_is_brought_back_after_a_question(admin: Client, streamer_client: ApiClient, show: Goal) -> None:
    streamer_client.post(f"/goals/{show.pk}/cancel", {})
    assert page(show, "revive/") in admin.get(page(show)).content.decode()
    fields = open_form(admin, page(show, "revive/"))
    assert (fields["nbf_0"], fields["nbf_1"]) == ("2026-03-01", "20:15:37")

    response = admin.post(page(show, "revive/"), fields, follow=True)

    assert (response.redirect_chain, messages(response)) == ([(page(show), 302)], ["The show was brought back."])
    assert (stored(show).status(timezone.now()), stored(show).nbf) == ("scheduled", NBF)
    assert notes(show) == [
        ("cancel_show_goal", "version 2, streamer streamer: cancelled"),
        ("move_show_goal", "version 3, staff admin: revived"),
    ]


@pytest.mark.parametrize("moment", [NOW - HOUR, NOW + timedelta(days=366)])
def test_cancelled_show_is_not_brought_back_at_an_impossible_time(
    admin: Client, streamer_client: ApiClient, show: Goal, moment: datetime
) -> None:
    streamer_client.post(f"/goals/{show.pk}/cancel", {})
    fields = open_form(admin, page(show, "revive/"))
    before = everything_stored()

    response = admin.post(page(show, "revive/"), {**fields, **split(moment)})

    assert (response.status_code, list(response.context["form"].errors)) == (200, ["nbf"])
    assert everything_stored() == before


@pytest.mark.parametrize("action", ["start-now/", "revive/"])
def test_confirmation_for_a_show_that_changed_meanwhile_does_nothing(
    admin: Client, streamer_client: ApiClient, show: Goal, action: str
) -> None:
    if action == "revive/":
        streamer_client.post(f"/goals/{show.pk}/cancel", {})
    fields = open_form(admin, page(show, action))
    streamer_client.patch(f"/goals/{show.pk}", {"levels": [{"title": "Finale", "target": 60}]})
    before = everything_stored()

    response = admin.post(page(show, action), fields, follow=True)

    assert response.redirect_chain == [(page(show), 302)]
    assert messages(response)[0].startswith("The show has changed since you opened the page, so nothing was written.")
    assert "streamer streamer: title" in messages(response)[0]
    assert everything_stored() == before


@pytest.mark.parametrize(
    ("action", "text"),
    [
        ("start-now/", "Only a show that is scheduled can be started."),
        ("revive/", "Only a show that is cancelled can be brought back."),
    ],
)
def test_action_that_no_longer_fits_is_refused(
    admin: Client, streamer_client: ApiClient, show: Goal, action: str, text: str
) -> None:
    if action == "start-now/":
        streamer_client.post(f"/goals/{show.pk}/cancel", {})
    before = everything_stored()

    responses = [admin.get(page(show, action), follow=True), admin.post(page(show, action), {}, follow=True)]

    assert [(response.redirect_chain, messages(response)) for response in responses] == [
        ([(page(show), 302)], [text])
    ] * 2
    assert page(show, action) not in responses[0].content.decode()
    assert everything_stored() == before


@pytest.mark.parametrize("action", ["start-now/", "revive/"])
def test_action_needs_the_permission_and_a_csrf_token(admin: Client, show: Goal, action: str) -> None:
    fields = open_form(admin, page(show, "start-now/"))
    viewer, strict = Client(), Client(enforce_csrf_checks=True)
    reader = User.objects.create_user("reader", is_staff=True)
    viewer.force_login(reader)
    strict.force_login(User.objects.get(username="admin"))
    before = everything_stored()

    for client in (viewer, strict, Client()):
        response = client.post(page(show, action), {name: fields[name] for name in ("seen_version", "seen_status")})
        assert response.status_code in {302, 403}
        assert "/admin/login/" in response.headers.get("Location", "/admin/login/")
    assert viewer.get(page(show, action)).status_code == 403
    after = everything_stored()
    assert after["goals"] == before["goals"]


def test_action_on_an_unknown_goal_goes_back_to_the_index(admin: Client, show: Goal) -> None:
    collection("goals").delete_one({"_id": show.pk})
    assert admin.get(page(show, "start-now/")).headers["Location"] == "/admin/"
