"""Each button on a goal's page says what will happen, and does nothing if the goal has changed meanwhile."""

from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
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
from tests.factories.fixtures import Commands
from tests.factories.goals import HOUR, ShowFundingGoalFactory, ShowGoalFactory
from tests.factories.moments import NOW, SECONDS, WHOLE
from tests.showgoals.pages import notes, open_form, page, split, stored

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]
MINUTE, HALF = timedelta(minutes=1), timedelta(seconds=30)
HEARING = "Payers who hear of it: 1."


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


def test_held_show_starts_now_beside_another_show(admin: Client, show: Goal, session: Session) -> None:
    other = ShowGoalFactory(funding_goal=ShowFundingGoalFactory(session=session, closed=True), nbf=NOW)
    held_nbf = NOW - HOUR
    collection("goals").update_one({"_id": show.pk}, {"$set": {"nbf": held_nbf, "held_nbf": held_nbf}})

    asked = admin.get(page(show, "start-now/"))
    response = press(admin, show, "start-now/")

    (line,) = [each for each in asked.context["told"] if page(other) in each.text]
    assert strip_tags(line.text).endswith(
        "from 2026-03-01 12:00:00 UTC to 2026-03-01 12:01:00 UTC. Both will run at the same time."
    )
    assert said(response) == [f"The show starts now. {HEARING}"]


def test_old_form_does_not_start_a_held_show_beside_a_show_that_it_has_not_named(
    admin: Client, show: Goal, session: Session
) -> None:
    collection("goals").update_one({"_id": show.pk}, {"$set": {"nbf": NOW - HOUR, "held_nbf": NOW - HOUR}})
    url = page(show, "start-now/")
    old_form = open_form(admin, url)
    other = ShowGoalFactory(funding_goal=ShowFundingGoalFactory(session=session, closed=True), nbf=NOW)

    asked = admin.post(url, old_form)

    assert stored(show).nbf == NOW - HOUR
    assert [page(other) in each.text for each in asked.context["told"]].count(True) == 1
    told_others = asked.context["form"]["told_others"].value()
    response = admin.post(url, {**old_form, "told_others": told_others}, follow=True)
    assert said(response) == [f"The show starts now. {HEARING}"]


@pytest.mark.parametrize(("is_held", "button"), [(True, "move/?by=5"), (False, "start-now/")])
def test_only_a_held_show_that_starts_now_may_overlap(
    admin: Client, show: Goal, session: Session, button: str, *, is_held: bool
) -> None:
    for nbf in (NOW + 5 * MINUTE - HALF, NOW + HALF):
        ShowGoalFactory(funding_goal=ShowFundingGoalFactory(session=session, closed=True), nbf=nbf)
    late = {"nbf": NOW - HOUR, **({"held_nbf": NOW - HOUR} if is_held else {})}
    collection("goals").update_one({"_id": show.pk}, {"$set": late})

    asked = admin.get(page(show, button))

    (line,) = [each for each in asked.context["told"] if "another show" in each.text]
    assert strip_tags(line.text).endswith("So the change will be refused.")


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


def test_cancelling_a_held_show_warns_that_it_may_have_been_performed(
    show: Goal, clock: time_machine.Traveller
) -> None:
    collection("goals").update_one({"_id": show.pk}, {"$set": {"held_nbf": NBF}})
    clock.move_to(NBF + MINUTE)

    warning = told(agent("cancel_goal").get(page(show, "cancel/")))[0]

    assert warning.endswith("If it was performed after the backup, do not cancel it: its payments would go back.")


def test_funding_goal_is_closed(paid_goal: Goal) -> None:
    fold_contributions(str(paid_goal.pk))
    client = agent("cancel_goal")
    assert page(paid_goal, "close/") in client.get(page(paid_goal)).content.decode()
    asked = client.get(page(paid_goal, "close/"))

    response = press(client, paid_goal, "close/", reason="x" * 500)

    assert told(asked) == [
        "It takes no more payments. This can't be undone.",
        "Paid so far: 5 of 1000. Payers: 1.",
        "If its streamer creates no show by 2026-03-02 12:00:01 UTC, its payments are due back.",
    ]
    assert said(response) == ["The funding goal has closed, at 2026-03-01 12:00:00 UTC."]
    assert stored(paid_goal).exp == WHOLE
    assert records() == [("close_funding_goal", "x" * 500)]


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
