"""The buttons on the page of a goal: each says what will happen, and does nothing if the goal has changed meanwhile."""

from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from django.utils.html import strip_tags

from goals.models import Goal
from goals.tasks import activate_goal
from mongodb.collections import collection
from sessions_app.models import Session
from showgoals.tasks import fold_contributions
from tests.desk.conftest import NBF
from tests.desk.pressing import agent, press, records, said, told
from tests.factories.client import ApiClient
from tests.factories.documents import everything_stored, queued_messages
from tests.factories.documents import stored as documents
from tests.factories.fixtures import Commands
from tests.factories.goals import HOUR, ShowFundingGoalFactory, ShowGoalFactory
from tests.factories.moments import NOW, SECONDS, WHOLE
from tests.factories.threads import at_once
from tests.showgoals.pages import messages, notes, open_form, page, split, stored

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]
MINUTE = timedelta(minutes=1)
BUTTONS = ("move/", "start-now/", "revive/", "cancel/", "close/")
HEARING = "Payers who hear of it: 1."


@pytest.fixture
def funding_goal(session: Session, viewer: User) -> Goal:
    """An open funding goal with one payer."""
    goal: Goal = ShowFundingGoalFactory(session=session, paid_by=[viewer])
    return goal


def test_show_moves_by_minutes_with_one_click_on_its_page(show: Goal) -> None:
    client = agent("change_goal")
    button = f"{page(show, 'move/')}?by=20"
    assert f'href="{button}"' in client.get(page(show)).content.decode()

    asked = client.get(button)
    response = client.post(button, {**open_form(client, button), "reason": "The drummer is late."}, follow=True)

    assert told(asked) == [
        "The show starts at 2026-03-01 20:35:37 UTC instead of 2026-03-01 20:15:37 UTC (+20 min).",
        "Its payers have access until 2026-03-01 20:36:37 UTC.",
        HEARING,
    ]
    assert response.redirect_chain == [(page(show), 302)]
    assert said(response) == [f"The show starts at 2026-03-01 20:35:37 UTC. {HEARING}"]
    assert stored(show).nbf == NBF + 20 * MINUTE
    assert records() == [("move_show_goal", "The drummer is late.")]


def test_show_moves_to_a_time_once_the_page_has_told_of_it(show: Goal) -> None:
    client, url = agent("change_goal"), page(show, "move/")
    asked = client.get(url)
    assert (told(asked), str(asked.context["submit"])) == ([], "Next")

    next_page = client.post(url, {**open_form(client, url), **split(NBF - HOUR)})

    assert stored(show).nbf == NBF
    assert told(next_page)[0].endswith("2026-03-01 19:15:37 UTC instead of 2026-03-01 20:15:37 UTC (-1 h).")
    assert str(next_page.context["submit"]) == "Move"
    response = client.post(url, _fields(next_page), follow=True)
    assert (said(response), stored(show).nbf) == (
        [f"The show starts at 2026-03-01 19:15:37 UTC. {HEARING}"],
        NBF - HOUR,
    )


def test_page_tells_again_if_another_time_is_typed(show: Goal) -> None:
    client, url = agent("change_goal"), f"{page(show, 'move/')}?by=5"

    again = client.post(url, {**open_form(client, url), **split(NBF + HOUR)})

    assert (again.status_code, stored(show).nbf) == (200, NBF)
    assert "(+1 h)" in told(again)[0]


def test_overdue_show_moves_from_now_on(show: Goal, clock: time_machine.Traveller) -> None:
    clock.move_to(NBF + HOUR)

    response = press(agent("change_goal"), show, "move/?by=5")

    assert said(response) == [f"The show starts at 2026-03-01 21:20:37 UTC. {HEARING}"]


def test_page_names_the_show_in_the_way_and_the_use_case_refuses(show: Goal, session: Session) -> None:
    other = ShowGoalFactory(
        funding_goal=ShowFundingGoalFactory(session=session, closed=True), nbf=NBF + 20 * MINUTE, title="<Encore>"
    )
    client, before = agent("change_goal"), everything_stored()
    url = f"{page(show, 'move/')}?by=20"

    asked = client.get(url)
    response = client.post(url, open_form(client, url))

    (line,) = [each for each in asked.context["told"] if each.is_alarming]
    assert page(other) in line.text
    assert "&lt;Encore&gt;, from 2026-03-01 20:35:37 UTC to 2026-03-01 20:36:37 UTC" in strip_tags(line.text)
    assert response.status_code == 200
    assert list(response.context["form"].errors) == ["__all__"]
    assert everything_stored()["goals"] == before["goals"]


def test_show_starts_now_after_a_question(admin: Client, show: Goal) -> None:
    assert page(show, "start-now/") in admin.get(page(show)).content.decode()
    asked = admin.get(page(show, "start-now/"))

    response = press(admin, show, "start-now/", reason="All are here.")

    assert told(asked)[0] == "The show starts at once, and its payers are let in. This can't be undone."
    assert (response.redirect_chain, said(response)) == ([(page(show), 302)], [f"The show starts now. {HEARING}"])
    assert int(stored(show).starts_at.timestamp()) == SECONDS
    assert activate_goal(str(show.pk), SECONDS) == "started"
    assert records() == [("move_show_goal", "All are here.")]
    assert notes(show) == [("move_show_goal", "version 2, staff admin: nbf 2026-03-01 20:15:37 -> 2026-03-01 12:00:00")]


def test_cancelled_show_is_brought_back_after_a_question(admin: Client, streamer_client: ApiClient, show: Goal) -> None:
    streamer_client.post(f"/goals/{show.pk}/cancel", {})
    assert page(show, "revive/") in admin.get(page(show)).content.decode()
    fields = open_form(admin, page(show, "revive/"))
    assert (fields["nbf_0"], fields["nbf_1"]) == ("2026-03-01", "20:15:37")

    response = admin.post(page(show, "revive/"), fields, follow=True)

    assert response.redirect_chain == [(page(show), 302)]
    assert said(response) == [f"The show was brought back. It starts at 2026-03-01 20:15:37 UTC. {HEARING}"]
    assert (stored(show).status(timezone.now()), stored(show).nbf) == ("scheduled", NBF)
    assert notes(show) == [
        ("cancel_show_goal", "version 2, streamer streamer: cancelled"),
        ("move_show_goal", "version 3, staff admin: revived"),
    ]


def test_show_whose_time_has_passed_is_brought_back_at_a_time_that_is_typed(
    admin: Client, streamer_client: ApiClient, show: Goal, clock: time_machine.Traveller
) -> None:
    collection("goals").update_many({}, {"$set": {"context.hesitation_countdown": 86_400}})
    streamer_client.post(f"/goals/{show.pk}/cancel", {})
    clock.move_to(NBF + MINUTE)
    url = page(show, "revive/")
    fields = open_form(admin, url)
    assert (fields["nbf_0"], fields["told_nbf"]) == ("", "")

    next_page = admin.post(url, {**fields, **split(NBF + HOUR)})
    admin.post(url, _fields(next_page))

    assert (stored(show).status(timezone.now()), stored(show).nbf) == ("scheduled", NBF + HOUR)


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


def test_show_is_cancelled_for_a_reason(show: Goal) -> None:
    client = agent("cancel_goal")
    asked = client.get(page(show, "cancel/"))
    before = everything_stored()

    refused = press(client, show, "cancel/", reason=" ")
    assert (list(refused.context["form"].errors), everything_stored()) == (["reason"], before)
    response = press(client, show, "cancel/", reason="The guitarist is ill.")

    assert told(asked) == [
        "The show does not start at 2026-03-01 20:15:37 UTC. It can be brought back.",
        HEARING,
        "If it is not brought back by 2026-03-02 12:00:01 UTC, its payments are due back. Paid: 5. Payers: 1.",
    ]
    assert said(response) == [f"The show is cancelled. {HEARING}"]
    assert stored(show).status(NOW) == "cancelled"
    assert records() == [("cancel_show_goal", "The guitarist is ill.")]
    assert "The guitarist is ill." in response.content.decode()  # on the timeline


def test_funding_goal_is_closed(funding_goal: Goal) -> None:
    fold_contributions(str(funding_goal.pk))
    client = agent("cancel_goal")
    assert page(funding_goal, "close/") in client.get(page(funding_goal)).content.decode()
    asked = client.get(page(funding_goal, "close/"))

    response = press(client, funding_goal, "close/", reason="x" * 500)

    assert told(asked) == [
        "It takes no more payments. This can't be undone.",
        "Paid so far: 5 of 1000. Payers: 1.",
        "If its streamer creates no show by 2026-03-02 12:00:01 UTC, its payments are due back.",
    ]
    assert said(response) == ["The funding goal has closed, at 2026-03-01 12:00:00 UTC."]
    assert stored(funding_goal).exp == WHOLE
    assert records() == [("close_funding_goal", "x" * 500)]


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

    assert "staff admin: " in messages(response)[-1]  # the first one is that of the first submit
    assert [everything_stored()[name] for name in ("goals", "change_records", "django_q_ormq")] == [
        before[name] for name in ("goals", "change_records", "django_q_ormq")
    ]


def test_funding_goal_is_closed_once(admin: Client, funding_goal: Goal) -> None:
    fields = open_form(admin, page(funding_goal, "close/"))
    admin.post(page(funding_goal, "close/"), fields)

    response = admin.post(page(funding_goal, "close/"), fields, follow=True)

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


def test_page_speaks_traditional_chinese(admin: Client, show: Goal) -> None:
    response = admin.get(page(show, "move/") + "?by=20", headers={"Accept-Language": "zh-hant"})

    text = response.content.decode()
    assert "The show" not in text
    assert "Payers" not in text


@pytest.mark.parametrize("button", ["move/?by=20", "start-now/", "revive/", "cancel/"])
def test_page_needs_few_commands(
    admin: Client, streamer_client: ApiClient, show: Goal, button: str, commands: Commands
) -> None:
    if button == "revive/":
        streamer_client.post(f"/goals/{show.pk}/cancel", {})
    admin.get(page(show, button))
    commands.names.clear()

    admin.get(page(show, button))

    assert commands.names == [
        *("aggregate django_session", "aggregate auth_user"),
        *("aggregate goals", "aggregate goals", "aggregate sessions", "aggregate auth_user"),
    ]


def test_moving_needs_few_commands(admin: Client, show: Goal, commands: Commands) -> None:
    url = page(show, "move/") + "?by=20"
    fields = open_form(admin, url)
    commands.names.clear()

    admin.post(url, fields)

    assert len(commands.names) == 17
    assert len(queued_messages("activate_goal")) == 1


def _fields(response: Any) -> dict[str, str]:
    """Return what the browser would send for the form of the page."""
    form = response.context["form"]
    kept = ("seen_version", "seen_status", "seen_count", "told_nbf", "reason")
    nbf = datetime.fromisoformat(form["told_nbf"].value())
    return {name: form[name].value() or "" for name in kept} | split(nbf)
