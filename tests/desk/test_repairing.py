"""The buttons that send events again, to all payers or to one, and that start a failed recording again."""

from functools import partial
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.urls import reverse

from goals.models import Goal
from mongodb.collections import collection
from notifications.fanout.ledger import State
from notifications.models import NotificationChunk
from notifications.tasks import batch_notify_stream_authorized
from sessions_app.recordings.tasks import start_record
from tests.desk.conftest import NBF
from tests.desk.pressing import agent, press, records, said, told
from tests.factories.documents import everything_stored, queued_messages, stored_one
from tests.factories.fixtures import Commands
from tests.factories.threads import at_once
from tests.notifications.steps import begin_attempt, run_queue, send_all, store
from tests.showgoals.pages import messages, open_form, page

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]
NOT_LIVE = "Events can be sent again only while the show is live."
NOT_FAILED = "Only a failed recording of a live show can be started again."
NOTHING = "There is nothing to send."
SINCE = "The events have been sent again since you opened the page."


@pytest.fixture
def planned(live: Goal) -> Goal:
    """A live show whose two events are planned for its payer, and whose messages are deleted."""
    batch_notify_stream_authorized(str(live.pk), live.context.funding_goal_id)
    collection("django_q_ormq").delete_many({})
    return live


@pytest.fixture
def failed(live: Goal) -> Goal:
    """A live show whose recording has failed."""
    found = {"state": "failed", "attempts": 1, "error": "AccessDenied", "failed_at": NBF, "check_at": None}
    collection("recordings").update_one({"_id": live.pk}, {"$set": found})
    collection("django_q_ormq").delete_many({})
    return live


def to_payer(show: Goal, viewer: User) -> str:
    return reverse("desk:payer-send-again", args=[show.pk, viewer.pk])


def queued() -> int:
    return len(queued_messages("send_chunk"))


def test_what_was_not_sent_is_sent_again(planned: Goal, outbox: list[Any]) -> None:
    client = agent("send_again")
    store(begin_attempt(NotificationChunk.objects.get(preset="sd").pk), {0: State.FAILED})
    assert page(planned, "send-again/") in client.get(page(planned)).content.decode()
    asked = client.get(page(planned, "send-again/"))

    response = press(client, planned, "send-again/", reason="Pusher was away.")

    assert told(asked) == [
        "Each payer gets two events. Sent so far: 0. Payers: 1.",
        "Not sent yet: 1. Perhaps sent: 0. Refused by Pusher: 1. All of these go out again.",
        "What has been sent is not sent again.",
    ]
    assert said(response) == ["Events that go out again: 2."]
    assert records() == [("redeliver", "Pusher was away.")]
    run_queue()
    assert len(outbox) == 2


def test_nothing_to_send_is_said_and_queues_nothing(planned: Goal) -> None:
    send_all()
    client = agent("send_again")
    assert told(client.get(page(planned, "send-again/")))[1:] == [NOTHING]

    response = press(client, planned, "send-again/")

    assert (said(response), queued(), records()) == ([NOTHING], 0, [])


def test_second_submit_sends_nothing_more(planned: Goal) -> None:
    client = agent("send_again")
    fields = open_form(client, page(planned, "send-again/"))
    client.post(page(planned, "send-again/"), fields)
    sent = queued()
    run_queue()

    response = client.post(page(planned, "send-again/"), fields, follow=True)

    assert (said(response)[-1], sent, queued()) == (SINCE, 2, 0)
    assert len(records()) == 1


def test_of_two_people_at_once_one_sends(planned: Goal) -> None:
    clients = [agent("send_again") for _number in range(2)]
    forms = [open_form(client, page(planned, "send-again/")) for client in clients]

    at_once([partial(c.post, page(planned, "send-again/"), form) for c, form in zip(clients, forms, strict=True)])

    assert (len(records()), queued()) == (1, 2)


def test_one_payer_gets_both_events_again(planned: Goal, viewer: User, outbox: list[Any]) -> None:
    send_all()
    outbox.clear()
    client, url = agent("send_again"), to_payer(planned, viewer)
    fields = open_form(client, url)

    responses = [client.post(url, {**fields, "reason": "A new phone."}, follow=True) for _twice in range(2)]

    payer = reverse("desk:payer", args=[planned.pk, viewer.pk])
    assert [response.redirect_chain for response in responses] == [[(payer, 302)]] * 2
    assert [said(response) for response in responses] == [["Events that go out again: 2."], [SINCE]]
    assert records() == [("redeliver", "A new phone.")]
    run_queue()
    assert len(outbox) == 2


def test_payer_who_is_out_gets_nothing(planned: Goal, viewer: User, streamer: User) -> None:
    client = agent("send_again", "exclude_payers")
    client.post(reverse("decisions:exclude", args=[planned.pk, viewer.pk]), {"reason": "A chargeback."})

    for person, why in (
        (viewer, "This viewer was excluded from the show."),
        (streamer, "This viewer has not paid for the show."),
    ):
        url = to_payer(planned, person)
        response = client.post(url, open_form(client, url))
        assert response.context["form"].non_field_errors() == [why]
    assert queued() == 0


def test_recording_starts_again_once(failed: Goal) -> None:
    client, url = agent("retry_recording"), page(failed, "retry-recording/")
    assert url in client.get(page(failed)).content.decode()
    asked, fields = client.get(url), open_form(client, url)

    responses = [client.post(url, {**fields, "reason": "The key was repaired."}, follow=True) for _twice in range(2)]

    assert told(asked) == [
        "BytePlus is asked once more to record the show, from now on.",
        "Attempts so far: 1. The latest error: AccessDenied",
    ]
    assert [said(response) for response in responses] == [["The recording is being started again."], [NOT_FAILED]]
    assert [message.args[0] for message in queued_messages("start_record")] == [str(failed.pk)]
    assert records() == [("retry_recording", "The key was repaired.")]
    recording = stored_one("recordings", failed.pk)
    assert (recording["state"], recording["failed_at"]) == ("requested", None)
    assert start_record(str(failed.pk), recording["session_id"], recording["streamer_id"]) == "started"
    assert stored_one("recordings", failed.pk)["state"] == "started"


def test_old_form_does_not_start_a_recording_that_has_failed_once_more(failed: Goal) -> None:
    client, url = agent("retry_recording"), page(failed, "retry-recording/")
    fields = open_form(client, url)
    collection("recordings").update_one({"_id": failed.pk}, {"$inc": {"attempts": 1}})

    response = client.post(url, fields)

    assert response.context["form"].non_field_errors() == [NOT_FAILED]
    assert queued_messages("start_record") == []


def test_of_two_people_at_once_one_starts_the_recording(failed: Goal) -> None:
    clients, url = [agent("retry_recording") for _number in range(2)], page(failed, "retry-recording/")
    forms = [open_form(client, url) for client in clients]

    at_once([partial(client.post, url, form) for client, form in zip(clients, forms, strict=True)])

    assert (len(queued_messages("start_record")), len(records())) == (1, 1)


@pytest.mark.parametrize(("button", "why"), [("send-again/", NOT_LIVE), ("retry-recording/", NOT_FAILED)])
def test_button_that_does_not_fit_is_refused(show: Goal, button: str, why: str) -> None:
    client, before = agent("send_again", "retry_recording"), everything_stored()

    responses = [client.get(page(show, button), follow=True), client.post(page(show, button), {}, follow=True)]

    assert [messages(response) for response in responses] == [[why]] * 2
    assert page(show, button) not in client.get(page(show)).content.decode()
    assert everything_stored()["goals"] == before["goals"]


def test_show_whose_time_is_over_sends_nothing(live: Goal, clock: time_machine.Traveller) -> None:
    clock.move_to(live.window[1])

    assert messages(agent("send_again").get(page(live, "send-again/"), follow=True)) == [NOT_LIVE]


@pytest.mark.parametrize("button", ["send-again/", "retry-recording/"])
def test_button_needs_its_permission(failed: Goal, button: str) -> None:
    client = agent("change_goal", "cancel_goal")

    assert [client.get(page(failed, button)).status_code, client.post(page(failed, button), {}).status_code] == [
        403
    ] * 2
    assert page(failed, button) not in client.get(page(failed)).content.decode()


def test_sending_to_one_payer_needs_its_permission(planned: Goal, viewer: User) -> None:
    client, url = agent("change_goal"), to_payer(planned, viewer)

    assert [client.get(url).status_code, client.post(url, {}).status_code, queued()] == [403, 403, 0]


def test_page_needs_few_commands(planned: Goal, commands: Commands) -> None:
    client = agent("send_again")
    client.get(page(planned, "send-again/"))
    commands.names.clear()

    client.get(page(planned, "send-again/"))

    assert commands.names[-5:] == [
        "aggregate notification_events",
        "find goals",
        "find exclusions",
        "aggregate notification_events",
        "find notification_chunks",
    ]
    assert len(commands.names) <= 14
