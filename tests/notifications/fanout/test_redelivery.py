"""`POST /goals/{id}/redeliver` and the admin's action send the same events again."""

import json
from collections import Counter
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from mongodb.collections import collection
from notifications.admin import MOST_SHOWS
from notifications.fanout.late_joiners import as_line, let_late_joiners_in
from notifications.fanout.ledger import State
from notifications.models import NotificationChunk, NotificationEvent
from notifications.tasks import send_chunk
from sessions_app.models import Session
from showgoals.models import Contribution
from tests.factories.client import ApiClient
from tests.factories.documents import queued_messages, stored
from tests.factories.goals import HOUR, ShowFundingGoalFactory, ShowGoalFactory
from tests.factories.threads import at_once
from tests.notifications.conftest import Audience
from tests.notifications.steps import begin_attempt, got, redeliver, run_queue, send_all, store

pytestmark = pytest.mark.django_db

VIEWERS = 5


def test_one_viewer_gets_both_events_again(in_chunks: Audience, streamer: User, outbox: list[Any]) -> None:
    send_all()
    first = {event.channel: json.loads(event.data)["event_id"] for event in outbox}
    outbox.clear()

    answer = redeliver(in_chunks.show, {"viewer_id": in_chunks.viewers[3]}, streamer)
    assert (answer.status, answer.body) == (200, {"events": 2})
    assert len(queued_messages("send_chunk")) == 2
    assert NotificationEvent.objects.filter(sent_at=None).count() == 2
    run_queue()

    assert got(outbox) == Counter({in_chunks.viewers[3]: 2})
    assert {event.channel: json.loads(event.data)["event_id"] for event in outbox}.items() <= first.items()
    assert all(chunk.ledger.is_settled for chunk in NotificationChunk.objects.all())
    assert NotificationEvent.objects.filter(sent_at=None).count() == 0
    rows = [(row["outcome"], row["detail"]) for row in stored("goal_timeline", kind="delivery")]
    assert rows[-5:] == [
        ("redelivery", "2 events, streamer streamer"),
        ("sent", "preview: 1 viewers"),
        ("all_sent", "preview: 5 viewers in 3 chunks"),
        ("sent", "sd: 1 viewers"),
        ("all_sent", "sd: 5 viewers in 3 chunks"),
    ]


def test_unsent_events_are_redelivered(in_chunks: Audience, streamer: User, outbox: list[Any]) -> None:
    sent, refused, _left = NotificationChunk.objects.filter(preset="sd").order_by("first")
    send_chunk(sent.pk)
    chunk = begin_attempt(refused.pk)
    store(chunk, {0: State.FAILED, 1: State.UNKNOWN})
    outbox.clear()

    answer = redeliver(in_chunks.show, {}, streamer)
    assert (answer.status, answer.body) == (200, {"events": VIEWERS + 3})
    run_queue()
    assert got(outbox) == Counter(in_chunks.viewers) + Counter(in_chunks.viewers[2:])
    assert redeliver(in_chunks.show, {}, streamer).body == {"events": 0}
    run_queue()
    assert got(outbox).total() == VIEWERS + 3


def test_late_payer_is_folded_and_planned(in_chunks: Audience, streamer: User, viewer: User, outbox: list[Any]) -> None:
    send_all()
    outbox.clear()
    Contribution.objects.create(
        funding_goal_id=in_chunks.funding_goal_id,
        viewer_id=str(viewer.pk),
        amount=5,
        key="late",
        created_at=timezone.now(),
    )
    assert redeliver(in_chunks.show, {"viewer_id": str(viewer.pk)}, streamer).body == {"events": 2}
    run_queue()
    run_queue()
    assert got(outbox) == Counter({str(viewer.pk): 2})
    session_id = in_chunks.show.conditions.session_id
    assert ApiClient(viewer).get(f"/sessions/{session_id}/token").body["preset"] == "sd"


def test_redelivery_during_an_attempt_goes_out_after_it(in_chunks: Audience, streamer: User, outbox: list[Any]) -> None:
    """The attempt had sent the event before the redelivery was requested."""
    chunk = NotificationChunk.objects.filter(preset="sd").order_by("first").first()
    assert chunk is not None
    begun = begin_attempt(chunk.pk)
    redeliver(in_chunks.show, {"viewer_id": in_chunks.viewers[0]}, streamer)
    store(begun, {0: State.SENT, 1: State.SENT})

    assert NotificationChunk.objects.get(pk=chunk.pk).ledger.states == "rs"
    send_chunk(chunk.pk)
    assert got(outbox) == Counter({in_chunks.viewers[0]: 1})


def test_one_redelivery_of_a_show_runs_at_a_time(in_chunks: Audience, streamer: User, outbox: list[Any]) -> None:
    send_all()
    outbox.clear()
    bodies: list[Any] = [{"viewer_id": viewer} for viewer in in_chunks.viewers] * 2

    answers = at_once([partial(redeliver, in_chunks.show, body, streamer) for body in bodies])

    in_progress = (409, "redelivery_in_progress")
    assert Counter((answer.status, answer.body.get("code")) for answer in answers) == {(200, None): 1, in_progress: 9}
    assert len(queued_messages("send_chunk")) == 2
    others: list[Any] = [{}, bodies[4]]
    assert [redeliver(in_chunks.show, body, streamer).problem[:2] for body in others] == [in_progress] * 2
    run_queue()
    assert got(outbox).total() == 2
    assert redeliver(in_chunks.show, bodies[0], streamer).status == 200


def test_redelivery_that_was_given_up_does_not_hinder_the_next(in_chunks: Audience, streamer: User) -> None:
    body: Any = {"viewer_id": in_chunks.viewers[0]}
    assert redeliver(in_chunks.show, body, streamer).status == 200
    collection("django_q_ormq").delete_many({"name": "send_chunk"})

    assert redeliver(in_chunks.show, body, streamer).body == {"events": 2}


def test_late_subscribers_and_the_first_sending_do_not_hinder_a_redelivery(
    in_chunks: Audience, streamer: User, outbox: list[Any]
) -> None:
    """In a large show, there are always viewers who subscribe late."""
    planned = NotificationChunk.objects.filter(preset="sd")
    send_chunk.enqueue(planned[0].pk, subject=str(in_chunks.show.pk))
    assert redeliver(in_chunks.show, {"viewer_id": in_chunks.viewers[0]}, streamer).status == 200
    run_queue()
    send_all()
    now = timezone.now() + timedelta(seconds=20)
    line = as_line(in_chunks.show.metadata.user_id, in_chunks.viewers[1])
    with time_machine.travel(now, tick=False):
        assert let_late_joiners_in(int(now.timestamp() * 1000), line) == 1

    assert redeliver(in_chunks.show, {"viewer_id": in_chunks.viewers[2]}, streamer).status == 200
    assert redeliver(in_chunks.show, {"viewer_id": in_chunks.viewers[2]}, streamer).status == 409


def test_redelivery_sends_the_current_access(in_chunks: Audience, streamer: User, outbox: list[Any]) -> None:
    later = in_chunks.show.window[0] + timedelta(seconds=30)
    begun = {"context.started": later, "version": 3}
    collection("goals").update_one({"_id": in_chunks.show.pk}, {"$set": begun})
    assert redeliver(in_chunks.show, {}, streamer).body == {"events": 2 * VIEWERS}
    run_queue()
    run_queue()
    exp = int(later.timestamp()) + 60
    assert {json.loads(event.data)["exp"] for event in outbox} == {exp}
    assert got(outbox) == Counter(in_chunks.viewers * 2)


def test_admin_redelivers_what_was_not_sent(in_chunks: Audience, session: Session, outbox: list[Any]) -> None:
    waiting = ShowGoalFactory(
        funding_goal=ShowFundingGoalFactory(session=session, closed=True), nbf=timezone.now() + timedelta(hours=2)
    )
    admin = Client()
    admin.force_login(User.objects.create_superuser("admin", password="secret"))
    selected = {"action": "redeliver", "_selected_action": [in_chunks.show.pk, waiting.pk]}
    answer: Any = admin.post(reverse("admin:goals_goal_changelist"), selected, follow=True)

    assert sorted(str(message) for message in answer.context["messages"]) == sorted(
        [f"{in_chunks.show}: {2 * VIEWERS} events go out again.", f"{waiting}: The show has not started."]
    )
    assert b"Redeliver what was not sent" in answer.content
    run_queue()
    assert got(outbox) == Counter(in_chunks.viewers * 2)


def test_admin_redelivers_no_more_shows_than_fit_into_a_request(session: Session) -> None:
    funding = [ShowFundingGoalFactory(session=session, closed=True) for _number in range(MOST_SHOWS + 1)]
    shows = [
        ShowGoalFactory(funding_goal=goal, nbf=timezone.now() + hours * HOUR)
        for hours, goal in enumerate(funding, start=1)
    ]
    admin = Client()
    admin.force_login(User.objects.create_superuser("admin", password="secret"))
    selected = {"action": "redeliver", "_selected_action": [show.pk for show in shows]}

    answer: Any = admin.post(reverse("admin:goals_goal_changelist"), selected, follow=True)

    assert b"This can be done for at most 20 rows at once. Nothing was done." in answer.content


def test_admin_says_what_is_under_way_and_that_nothing_is_left(in_chunks: Audience, outbox: list[Any]) -> None:
    admin = Client()
    admin.force_login(User.objects.create_superuser("admin", password="secret"))
    selected = {"action": "redeliver", "_selected_action": [in_chunks.show.pk]}

    def redeliver_in_admin() -> list[tuple[str, str]]:
        answer: Any = admin.post(reverse("admin:goals_goal_changelist"), selected, follow=True)
        return [(message.level_tag, str(message)) for message in answer.context["messages"]]

    under_way = "The events of this show are being sent. Events that fail are retried automatically."
    assert redeliver_in_admin() == [("success", f"{in_chunks.show}: {2 * VIEWERS} events go out again.")]
    assert redeliver_in_admin() == [("error", f"{in_chunks.show}: {under_way}")]
    run_queue()
    before = queued_messages()
    assert redeliver_in_admin() == [("warning", f"{in_chunks.show}: nothing to send.")]
    assert queued_messages() == before
    assert got(outbox) == Counter(in_chunks.viewers * 2)
