"""The page of a payer says in a sentence why the payer was let in or not, and shows what is known."""

from typing import Any

import pytest
import time_machine
from bson import ObjectId
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils.html import strip_tags

from goals.models import Goal
from notifications.fanout.late_joiners import as_line, let_late_joiners_in
from notifications.models import NotificationEvent
from notifications.receipts import confirm
from notifications.tasks import batch_notify_stream_authorized
from showgoals.credential_fetches import note_fetch
from showgoals.tasks import fold_contributions
from tests.desk.conftest import NBF
from tests.desk.pressing import agent
from tests.factories.fixtures import Commands
from tests.factories.people import UserFactory
from tests.notifications.steps import send_all
from tests.showgoals.pages import messages, page

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


def payer(goal: Goal, viewer: Any) -> str:
    return reverse("desk:payer", args=[goal.pk, getattr(viewer, "pk", viewer)])


def facts(response: Any) -> dict[str, str]:
    return {
        str(fact.label): strip_tags(str(fact.value)) for panel in response.context["panels"] for fact in panel.facts
    }


def labels(response: Any) -> list[str]:
    return [str(label) for _url, label in response.context["buttons"]]


def test_page_says_what_became_of_the_payment_and_of_each_event(live: Goal, viewer: User) -> None:
    fold_contributions(live.context.funding_goal_id)
    batch_notify_stream_authorized(str(live.pk), live.context.funding_goal_id)
    send_all()
    event = NotificationEvent.objects.get(preset="sd")
    confirm(str(live.pk), event.pk, str(viewer.pk), now=NBF)

    response = agent().get(payer(live, viewer))

    assert response.context["verdict"] == "The show is live, and the credentials have arrived."
    known = facts(response)
    assert {name: known[name] for name in ("Paid in total", "Listed for the show", "Credentials", "Attempts")} == {
        "Paid in total": "5",
        "Listed for the show": "yes",
        "Credentials": "sent",
        "Attempts": "1",
    }
    assert (known["Sent at"], known["Times fetched"]) == ("2026-03-01 20:15:37 UTC", "0")
    assert response.context["title"] == "viewer"


def test_page_says_when_a_late_subscriber_was_sent_to_again(
    live: Goal, viewer: User, clock: time_machine.Traveller
) -> None:
    batch_notify_stream_authorized(str(live.pk), live.context.funding_goal_id)
    send_all()
    clock.shift(20)
    line = as_line(live.metadata.user_id, str(viewer.pk))
    assert let_late_joiners_in(int((NBF.timestamp() + 20) * 1000), line) == 1

    response = agent().get(payer(live, viewer))

    assert facts(response)["Subscribed late, and was sent to again"] == "2026-03-01 20:15:57 UTC"


def test_page_says_that_credentials_were_fetched(live: Goal, viewer: User) -> None:
    note_fetch(str(live.pk), str(viewer.pk), now=NBF)

    response = agent().get(payer(live, viewer))

    assert response.context["verdict"] == "The show is live, and this viewer has fetched credentials."
    assert facts(response)["Credentials last fetched"] == "2026-03-01 20:15:37 UTC"


def test_who_has_not_paid_is_said(show: Goal, streamer: User) -> None:
    client = agent("send_again", "exclude_payers")

    for person in (streamer, ObjectId()):
        response = client.get(payer(show, person))
        assert response.context["verdict"] == "This viewer has not paid for the show."
        assert labels(response) == []
        assert facts(response)["Account"] == ("active" if person == streamer else "does not exist")


def test_buttons_follow_permissions_and_state(live: Goal, viewer: User) -> None:
    everything = agent("send_again", "exclude_payers", "view_user")

    assert labels(agent().get(payer(live, viewer))) == []
    assert labels(everything.get(payer(live, viewer))) == ["Send again", "Take out", "Page of the user"]
    everything.post(reverse("decisions:exclude", args=[live.pk, viewer.pk]), {"reason": "A <chargeback>."})
    out = everything.get(payer(live, viewer))
    assert labels(out) == ["Take back in", "Page of the user"]
    assert out.context["verdict"].startswith("This viewer was excluded from the show.")
    assert "A &lt;chargeback&gt;." in out.content.decode()


def test_before_the_start_nothing_can_be_sent(show: Goal, viewer: User) -> None:
    response = agent("send_again").get(payer(show, viewer))

    assert (labels(response), response.context["verdict"]) == ([], "The show has not started yet.")


def test_payer_of_a_funding_goal_leads_to_the_show(show: Goal, viewer: User) -> None:
    funding_goal = Goal.objects.get(pk=show.context.funding_goal_id)

    assert agent().get(payer(funding_goal, viewer)).headers["Location"] == payer(show, viewer)


def test_payer_is_found_by_name_and_by_id(show: Goal, viewer: User) -> None:
    client, url = agent(), reverse("desk:find-payer", args=[show.pk])
    assert f'action="{url}"' in client.get(page(show)).content.decode()

    for typed in ("viewer", f" {viewer.pk} ", str(viewer.pk).upper()):
        assert client.get(url, {"payer": typed}).headers["Location"] == payer(show, viewer)
    for typed in ("", "nobody", "\0", "x" * 500, "$ne"):
        response = client.get(url, {"payer": typed}, follow=True)
        assert (response.redirect_chain, messages(response)) == (
            [(page(show), 302)],
            ["There is no user with this name or id."],
        )


def test_code_that_a_payer_reads_out_leads_to_the_page(show: Goal, viewer: User) -> None:
    client = agent("view_user")

    for code in (f"{show.pk}-{viewer.pk}", f" {show.pk}-{viewer.pk} ".upper(), f"{show.pk}-{ObjectId()}"):
        wanted = payer(show, code.strip().lower().partition("-")[2])
        assert client.get("/admin/find/", {"q": code}).headers["Location"] == wanted
    assert client.get("/admin/find/", {"q": f"{ObjectId()}-{viewer.pk}"}).status_code == 200


def test_payments_of_a_user_lead_to_the_page(admin: Client, show: Goal, viewer: User) -> None:
    assert payer(show, viewer) in admin.get("/admin/find/", {"q": "viewer"}).content.decode()
    funding_goal_id = show.context.funding_goal_id
    link = reverse("desk:payer", args=[funding_goal_id, viewer.pk])
    assert link in admin.get(reverse("admin:auth_user_change", args=[viewer.pk])).content.decode()


@pytest.mark.parametrize("viewer_id", ["x", "0" * 23])
def test_odd_ids_are_not_found(admin: Client, show: Goal, viewer_id: str) -> None:
    assert admin.get(payer(show, viewer_id)).status_code == 404
    assert admin.get(f"{payer(show, viewer_id)}send-again/").status_code == 404
    assert admin.get(reverse("desk:payer", args=[ObjectId(), ObjectId()])).status_code == 404


def test_page_needs_the_permission_to_look(show: Goal, viewer: User) -> None:
    client = Client()
    client.force_login(UserFactory(is_staff=True))

    assert client.get(payer(show, viewer)).status_code == 403
    assert client.get(reverse("desk:find-payer", args=[show.pk])).status_code == 403
    assert Client().get(payer(show, viewer)).status_code == 302


def test_page_needs_few_commands(
    admin: Client, live: Goal, viewer: User, commands: Commands, clock: time_machine.Traveller
) -> None:
    fold_contributions(live.context.funding_goal_id)
    batch_notify_stream_authorized(str(live.pk), live.context.funding_goal_id)
    admin.get(payer(live, viewer))
    commands.names.clear()

    admin.get(payer(live, viewer))

    assert len(commands.names) <= 16


def test_page_speaks_traditional_chinese(admin: Client, live: Goal, viewer: User) -> None:
    text = admin.get(payer(live, viewer), headers={"Accept-Language": "zh-hant"}).content.decode()

    for english in ("Payments", "Credentials", "Attempts", "Send again", "Take out"):
        assert english not in text
