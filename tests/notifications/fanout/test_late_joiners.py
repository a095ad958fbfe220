"""Payers who subscribe to their sd channel during a show are sent their credentials again."""

import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
import time_machine
from bson import ObjectId
from django.contrib.auth.models import User
from django.utils import timezone

from mongodb.collections import collection
from mongodb.transactions import run_in_transaction
from notifications.events import SD
from notifications.fanout.late_joiners import as_line, let_late_joiners_in
from notifications.fanout.ledger import State
from notifications.models import NotificationChunk, NotificationEvent
from notifications.receipts import confirm
from notifications.tasks import send_chunk
from showgoals.excluding import exclude_payer
from taskqueue.calls import Call
from tests.factories.client import ApiClient
from tests.factories.documents import everything_stored, queued_messages
from tests.factories.people import MEI
from tests.factories.profiler import profiled
from tests.factories.threads import at_once
from tests.notifications.conftest import Audience
from tests.notifications.steps import begin_attempt, deliveries, got, plan_show, run_queue, send_all, store

pytestmark = pytest.mark.django_db

SECOND = timedelta(seconds=1)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def sent(in_chunks: Audience, outbox: list[Any]) -> Audience:
    """Return a show whose five viewers, in three chunks, were all sent their events a moment ago."""
    send_all()
    outbox.clear()
    return in_chunks


def report(audience: Audience, *viewers: str, at: datetime | None = None, streamer: Any = None) -> Any:
    """Run the task for viewers who subscribed at `at`, by default two seconds from now. Return its result.

    Meanwhile the clock stands at `at`, or at the present time if `at` is in the past.
    """
    at = at or timezone.now() + 2 * SECOND
    lines = [as_line(streamer or audience.show.metadata.user_id, viewer) for viewer in viewers]
    with time_machine.travel(max(at, timezone.now()), tick=False):
        return let_late_joiners_in(int(at.timestamp() * 1000), "\n".join(lines))


def sd_chunk(viewer: str) -> NotificationChunk:
    return next(chunk for chunk in NotificationChunk.objects.filter(preset=SD) if viewer in chunk.ledger)


def test_late_joiner_gets_the_credentials_again(sent: Audience, outbox: list[Any]) -> None:
    viewer = sent.viewers[3]
    assert report(sent, viewer) == 1
    (message,) = queued_messages("send_chunk")
    assert message.args == (sd_chunk(viewer).pk,)
    run_queue()

    (event,) = outbox
    data = json.loads(event.data)
    assert event.channel == f"presence-stream-viewer@{sent.show.metadata.user_id}.sd.{viewer}"
    assert (data["event_id"], data["redelivery"], "token" in data) == (sd_chunk(viewer).event_id, 1, True)
    assert all(chunk.ledger.is_settled and chunk.sent_at for chunk in NotificationChunk.objects.all())


def test_timeline_has_no_row_for_each_late_joiner(sent: Audience) -> None:
    before = deliveries(sent.show)
    report(sent, *sent.viewers)
    run_queue()
    assert deliveries(sent.show) == before


def test_event_that_is_sent_again_counts_as_sent_whatever_happens(sent: Audience, streamer: User) -> None:
    report(sent, *sent.viewers)
    path = f"/goals/{sent.show.pk}/deliveries"
    counts = [ApiClient(streamer).get(path).body["sd"]]
    with time_machine.travel(sent.show.window[1], tick=False):
        run_queue()
    counts.append(ApiClient(streamer).get(path).body["sd"])

    assert counts == [{"planned": 0, "sent": 5, "unknown": 0, "failed": 0, "expired": 0}] * 2
    assert all(chunk.ledger.is_settled and chunk.sent_at for chunk in NotificationChunk.objects.all())
    assert set(NotificationEvent.objects.values_list("closed_as", flat=True)) == {None}


def test_chunk_is_written_once_whatever_the_number_of_viewers(sent: Audience, outbox: list[Any]) -> None:
    assert report(sent, *sent.viewers) == 5
    assert len(queued_messages("send_chunk")) == 3
    run_queue()
    assert got(outbox) == Counter(sent.viewers)


def test_at_most_one_goes_out_in_ten_seconds(sent: Audience, outbox: list[Any]) -> None:
    viewer, joined_at = sent.viewers[0], timezone.now() + 2 * SECOND
    seconds = (0, 0, 1, 9.9, 10.1, 15, 20.3, 10.1, 0)
    answers = [report(sent, viewer, at=joined_at + after * SECOND) for after in seconds]
    run_queue()

    assert answers == [1, 0, 0, 0, 1, 0, 1, 0, 0]
    assert [json.loads(event.data)["redelivery"] for event in outbox] == [3]


def test_repeated_and_late_webhook_sends_nothing(sent: Audience, outbox: list[Any]) -> None:
    viewer, joined_at = sent.viewers[0], timezone.now() + 2 * SECOND
    report(sent, viewer, at=joined_at)
    run_queue()
    line = as_line(sent.show.metadata.user_id, viewer)
    with time_machine.travel(joined_at + 50 * SECOND):
        assert let_late_joiners_in(int(joined_at.timestamp() * 1000), line) == 0
    assert got(outbox) == Counter([viewer])


def test_viewer_who_was_subscribed_when_it_was_sent_gets_nothing(sent: Audience) -> None:
    assert report(sent, *sent.viewers, at=timezone.now() - 2 * SECOND) == 0
    assert queued_messages("send_chunk") == []


def test_moment_in_the_future_counts_as_now(sent: Audience) -> None:
    line = as_line(sent.show.metadata.user_id, sent.viewers[0])
    assert [let_late_joiners_in(2**53, line) for _ in range(2)] == [1, 0]


def test_bundles_that_are_taken_together_write_a_chunk_once(sent: Audience, outbox: list[Any]) -> None:
    at = timezone.now() + 2 * SECOND
    calls = [
        Call((int(at.timestamp() * 1000), as_line(sent.show.metadata.user_id, viewer)))
        for viewer in [*sent.viewers, sent.viewers[0], str(ObjectId())]
    ]
    with time_machine.travel(at, tick=False):
        assert let_late_joiners_in.run(calls) == [1, 1, 1, 1, 1, 1, 0]
    assert len(queued_messages("send_chunk")) == 3
    run_queue()
    assert got(outbox) == Counter(sent.viewers)


def test_client_that_has_just_confirmed_the_event_gets_nothing(sent: Audience) -> None:
    viewer, other = sent.viewers[:2]
    event_id = sd_chunk(viewer).event_id
    confirm(str(sent.show.pk), event_id, viewer, now=timezone.now())
    confirm(
        str(sent.show.pk), NotificationChunk.objects.filter(preset="preview")[0].event_id, other, now=timezone.now()
    )

    assert report(sent, viewer, other) == 1
    assert report(sent, viewer, at=timezone.now() + 12 * SECOND) == 1


def test_first_attempt_that_has_yet_to_begin_is_enough(in_chunks: Audience) -> None:
    assert report(in_chunks, *in_chunks.viewers) == 0


def test_viewer_who_joins_during_an_attempt_gets_the_event_after_it(in_chunks: Audience, outbox: list[Any]) -> None:
    """The attempt may have sent the event just before the viewer subscribed."""
    viewer = in_chunks.viewers[0]
    begun = begin_attempt(sd_chunk(viewer).pk)
    assert report(in_chunks, viewer) == 1
    store(begun, {0: State.SENT, 1: State.SENT})
    run_queue()
    assert got(outbox) == Counter([viewer])


def test_viewer_who_joined_before_the_last_attempt_gets_nothing(in_chunks: Audience) -> None:
    """After an outage of Pusher, viewers subscribe again before the event finally goes out."""
    viewer = in_chunks.viewers[0]
    attempt = begin_attempt(sd_chunk(viewer).pk)
    store(attempt, {0: State.UNKNOWN, 1: State.SENT})
    later = timezone.now() + 30 * SECOND
    with time_machine.travel(later, tick=False):
        send_chunk(attempt.chunk.pk)
        assert report(in_chunks, viewer, at=later - 5 * SECOND) == 0
        other = in_chunks.viewers[1]  # the first attempt has sent the event to this viewer
        assert report(in_chunks, other, at=later - 5 * SECOND) == 1


@pytest.mark.parametrize("state", [State.FAILED, State.EXCLUDED, State.EXPIRED, State.SUPERSEDED])
def test_what_was_refused_or_is_over_is_left(in_chunks: Audience, state: State) -> None:
    store(begin_attempt(sd_chunk(in_chunks.viewers[0]).pk), {0: state, 1: State.SENT})
    assert report(in_chunks, *in_chunks.viewers[:2]) == 1


def test_excluded_payer_gets_nothing(sent: Audience, outbox: list[Any]) -> None:
    viewer = sent.viewers[0]
    run_in_transaction(lambda: exclude_payer(sent.show, viewer, reason="Abuse.", by=MEI, now=timezone.now()))
    report(sent, viewer)
    run_queue()
    assert outbox == []


def test_others_change_nothing(sent: Audience, viewer: User) -> None:
    before = everything_stored()
    assert report(sent, str(viewer.pk)) == 0
    assert report(sent, *sent.viewers, streamer=ObjectId()) == 0
    assert everything_stored() == before


@pytest.mark.parametrize("changes", [{"exp": LONG_AGO}, {"activated_at": None}, {"cancelled_at": LONG_AGO}], ids=str)
def test_show_that_is_not_live_sends_nothing(sent: Audience, changes: Any) -> None:
    collection("goals").update_one({"_id": sent.show.pk}, {"$set": changes})
    assert report(sent, *sent.viewers) == 0


def test_show_whose_access_is_over_sends_nothing(sent: Audience) -> None:
    assert report(sent, *sent.viewers, at=sent.show.window[1]) == 0


def test_reports_at_the_same_moment_send_once(sent: Audience, outbox: list[Any]) -> None:
    at = timezone.now() + 2 * SECOND
    lines = "\n".join(as_line(sent.show.metadata.user_id, viewer) for viewer in sent.viewers)
    with time_machine.travel(at):
        task = partial(let_late_joiners_in, int(at.timestamp() * 1000), lines)
        assert sorted(at_once([task] * 4)) == [0, 0, 0, 5]
        run_queue()
    assert got(outbox) == Counter(sent.viewers)


def test_restart_of_pusher_sends_each_viewer_one_event(
    live: Callable[[int], Audience], settings: Any, outbox: list[Any]
) -> None:
    """All clients subscribe again at once. Pusher's reports come twice, in any order, and several workers take them."""
    settings.NOTIFY_CHUNK = 40
    audience = live(200)
    plan_show(audience)
    send_all()
    outbox.clear()
    at, streamer = timezone.now() + 2 * SECOND, audience.show.metadata.user_id
    lines = [as_line(streamer, viewer) for viewer in audience.viewers]
    bundles = [Call((int(at.timestamp() * 1000), "\n".join(lines[start::20]))) for start in range(20)] * 2
    with time_machine.travel(at):
        workers = [partial(let_late_joiners_in.run, bundles[start : start + 10]) for start in range(0, 40, 10)]
        outcomes = at_once(workers)
        run_queue()

    assert sum(map(sum, outcomes)) == 200
    assert got(outbox) == Counter(audience.viewers)
    assert {json.loads(event.data)["redelivery"] for event in outbox} == {1}


@pytest.mark.parametrize("viewers", [1, 60])
def test_chunks_are_found_by_an_index(live: Callable[[int], Audience], viewers: int) -> None:
    audience = live(60)
    plan_show(audience)
    send_all()
    with profiled() as profile:
        assert report(audience, *audience.viewers[:viewers]) == viewers

    assert all("COLLSCAN" not in query.stages for query in profile.queries)
    reads = Counter(query.collection for query in profile.queries)
    assert reads == {"sessions": 1, "goals": 1, "event_receipts": 1, "notification_chunks": 2}
