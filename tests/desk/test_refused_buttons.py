"""A button of a goal is refused if its page is outdated, if the state does not fit, or without the permission."""

from datetime import datetime, timedelta
from functools import partial

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client

from goals.models import Goal
from goals.tasks import activate_goal
from mongodb.collections import collection
from tests.desk.conftest import NBF
from tests.desk.pressing import agent, told
from tests.factories.client import ApiClient
from tests.factories.documents import everything_stored
from tests.factories.documents import stored as documents
from tests.factories.goals import HOUR
from tests.factories.moments import NOW
from tests.factories.threads import at_once
from tests.showgoals.pages import messages, open_form, page, split, stored

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

BUTTONS = ("move/", "start-now/", "revive/", "cancel/", "close/")


@pytest.mark.parametrize("button", ["move/", "revive/"])
@pytest.mark.parametrize("moment", [NOW - HOUR, NOW + timedelta(days=366)])
def test_impossible_time_is_refused(
    admin: Client, streamer_client: ApiClient, show: Goal, moment: datetime, button: str
) -> None:
    if button == "revive/":
        streamer_client.post(f"/goals/{show.pk}/cancel", {})
    fields = open_form(admin, page(show, button))
    before = everything_stored()

    response = admin.post(page(show, button), {**fields, **split(moment)})

    assert (response.status_code, list(response.context["form"].errors)) == (200, ["nbf"])
    assert everything_stored() == before


@pytest.mark.parametrize("by", ["", "7", "-5", "x", "5.0", "\u0665"])
def test_odd_minutes_are_passed_over(admin: Client, show: Goal, by: str) -> None:
    assert told(admin.get(page(show, "move/"), {"by": by})) == []


@pytest.mark.parametrize("button", ["move/?by=5", "start-now/", "revive/", "cancel/"])
def test_old_form_is_refused_in_words(admin: Client, streamer_client: ApiClient, show: Goal, button: str) -> None:
    if button == "revive/":
        streamer_client.post(f"/goals/{show.pk}/cancel", {})
    fields = open_form(admin, page(show, button))
    streamer_client.patch(f"/goals/{show.pk}", {"levels": [{"title": "Finale", "target": 60}]})
    before = everything_stored()

    response = admin.post(page(show, button), {**fields, "reason": "Mine."}, follow=True)

    assert response.redirect_chain == [(page(show), 302)]
    assert messages(response)[0].startswith("The show has changed since you opened the page, so nothing was written.")
    assert "streamer streamer: title" in messages(response)[0]
    assert everything_stored() == before


@pytest.mark.parametrize("button", ["move/?by=5", "start-now/", "cancel/"])
def test_second_submit_does_nothing_and_says_who_was_first(admin: Client, show: Goal, button: str) -> None:
    fields = {**open_form(admin, page(show, button)), "reason": "Once."}
    admin.post(page(show, button), fields)
    before = everything_stored()

    response = admin.post(page(show, button), fields, follow=True)

    assert "staff admin: " in messages(response)[-1]  # the message before it belongs to the first submission
    assert [everything_stored()[name] for name in ("goals", "change_records", "django_q_ormq")] == [
        before[name] for name in ("goals", "change_records", "django_q_ormq")
    ]


def test_funding_goal_is_closed_once(admin: Client, paid_goal: Goal) -> None:
    fields = open_form(admin, page(paid_goal, "close/"))
    admin.post(page(paid_goal, "close/"), fields)

    response = admin.post(page(paid_goal, "close/"), fields, follow=True)

    assert messages(response)[-1].startswith("The funding goal has changed since you opened the page")
    assert len(documents("change_records")) == 1


@pytest.mark.parametrize("button", ["move/?by=5", "start-now/", "cancel/"])
def test_of_two_people_at_once_one_wins(show: Goal, button: str) -> None:
    clients = [agent("change_goal", "cancel_goal") for _number in range(2)]
    forms = [{**open_form(client, page(show, button)), "reason": "Mine."} for client in clients]

    answers = at_once(
        [
            partial(client.post, page(show, button), form, follow=True)
            for client, form in zip(clients, forms, strict=True)
        ]
    )

    assert len(documents("change_records")) == 1
    assert stored(show).version == 2
    refused = [answer for answer in answers if "since you opened the page" in answer.content.decode()]
    assert len(refused) == 1


@pytest.mark.parametrize(
    ("button", "text"),
    [
        ("move/", "Only a show that is scheduled can be moved."),
        ("start-now/", "Only a show that is scheduled can be started."),
        ("revive/", "Only a show that is cancelled can be brought back."),
        ("cancel/", "Only a show that is scheduled can be cancelled."),
        ("close/", "Only a funding goal that is open can be closed."),
    ],
)
def test_button_that_does_not_fit_is_refused(
    admin: Client, show: Goal, clock: time_machine.Traveller, button: str, text: str
) -> None:
    clock.move_to(NBF)
    activate_goal(str(show.pk), int(NBF.timestamp()))
    before = everything_stored()

    responses = [admin.get(page(show, button), follow=True), admin.post(page(show, button), {}, follow=True)]

    assert [(response.redirect_chain, messages(response)) for response in responses] == [
        ([(page(show), 302)], [text])
    ] * 2
    assert page(show, button) not in responses[0].content.decode()
    assert everything_stored() == before


def test_show_of_a_session_that_has_ended_is_not_brought_back(
    admin: Client, streamer_client: ApiClient, show: Goal
) -> None:
    streamer_client.post(f"/goals/{show.pk}/cancel", {})
    collection("sessions").update_many({}, {"$set": {"status": "ended"}})

    assert page(show, "revive/") not in admin.get(page(show)).content.decode()
    response = admin.get(page(show, "revive/"), follow=True)
    assert messages(response) == ["The session has ended, so the show can't be brought back."]


def test_show_with_settled_payments_is_not_brought_back(admin: Client, streamer_client: ApiClient, show: Goal) -> None:
    streamer_client.post(f"/goals/{show.pk}/cancel", {})
    settled = {"state": "refund_due", "reason": "x", "decided_at": NOW, "total": 5, "payers": 1}
    collection("goals").update_one({"_id": stored(show).pk}, {"$set": {}})
    collection("goals").update_many({"_cls": "ShowFundingGoal"}, {"$set": {"settlement": settled}})

    response = admin.get(page(show, "revive/"), follow=True)

    assert messages(response) == ["It was decided what becomes of the payments, so the show can't be brought back."]


@pytest.mark.parametrize("button", BUTTONS)
def test_button_needs_its_permission_and_a_csrf_token(admin: Client, show: Goal, button: str) -> None:
    fields = {**open_form(admin, page(show, "start-now/")), **split(NBF + HOUR), "reason": "x"}
    reader, strict = agent(), Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.get(username="admin"))
    before = everything_stored()

    for client in (reader, strict, Client()):
        response = client.post(page(show, button), fields)
        assert response.status_code in {302, 403}
        assert "/admin/login/" in response.headers.get("Location", "/admin/login/")
    assert reader.get(page(show, button)).status_code == 403
    assert page(show, button) not in reader.get(page(show)).content.decode()
    assert everything_stored()["goals"] == before["goals"]


@pytest.mark.parametrize("goal_id", ["x", "0" * 24])
def test_button_of_an_unknown_goal_goes_back_to_the_index(admin: Client, goal_id: str) -> None:
    response = admin.get(f"/admin/goals/goal/{goal_id}/start-now/", follow=True)

    assert (response.redirect_chain, messages(response)) == ([("/admin/", 302)], ["There is no such goal."])
