"""A batch plans and sends the events of many shows together, and no show delays or spoils the others."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

import pytest
from bson import ObjectId

from config.errors import TransportError
from config.libcurl import TRIES
from goals.models import Goal
from lab.bench.planting import plant
from lab.loopback.pusher import PusherLoopback, SeenEvent
from mongodb.collections import collection
from notifications.fanout.sending import DOWN_AFTER
from notifications.models import NotificationChunk, NotificationEvent
from notifications.tasks import batch_notify_payers, batch_notify_stream_authorized, notify_late_payers, send_chunk
from showgoals.errors import ShowCannotBeAnnounced
from showgoals.small_audiences import SMALL_AUDIENCE
from taskqueue.broker import PreciseBroker
from taskqueue.calls import Call
from taskqueue.messages import MESSAGES
from taskqueue.packages import unpack
from taskqueue.queues import Queue
from tests.factories.documents import queued_messages, stored
from tests.factories.fixtures import Commands
from tests.factories.threads import at_once
from tests.notifications.steps import got, planned_viewers

pytestmark = pytest.mark.django_db


def start(count: int, *, viewers: int) -> list[Call]:
    """Insert live shows, queue the planning of their events, and return the queued messages as calls."""
    now = datetime.now(UTC).replace(microsecond=0)
    ids = [ObjectId(show.goal_id) for show in plant([now] * count, viewers=viewers)]
    collection("goals").update_many({"_id": {"$in": ids}}, {"$set": {"activated_at": now}})
    for show in Goal.objects.filter(pk__in=ids):
        access = show.version, int(show.window[1].timestamp())
        its_goals = str(show.pk), show.context.funding_goal_id
        batch_notify_stream_authorized.enqueue(*its_goals, *access, subject=str(show.pk))
    return calls_of("batch_notify_stream_authorized")


def calls_of(task: str) -> list[Call]:
    """Return the task's waiting messages as calls, oldest first, each with a request id of its own."""
    return [
        Call(
            args=tuple(unpack(message["payload"])["args"]),
            subject=message["subject"],
            request_id=f"request-{place}",
            message_id=message["_id"],
        )
        for place, message in enumerate(stored(MESSAGES, name=task))
    ]


def plan(count: int, *, viewers: int) -> list[Call]:
    """Plan the events of new shows, and return a call for each chunk."""
    calls = start(count, viewers=viewers)
    assert batch_notify_stream_authorized.run(calls) == ["planned"] * count
    return calls_of("send_chunk")


def preset(event: SeenEvent) -> str:
    return event.channel.split(".")[1]


def preview_and_sd(calls: Sequence[Call]) -> list[list[Call]]:
    """Return the two calls of each show."""
    return [list(both) for _show, both in groupby(calls, key=lambda call: call.subject)]


def slow(pusher: PusherLoopback) -> str:
    """Return the show whose preview events arrived last."""
    return [event.channel for event in pusher.events if preset(event) == "preview"][-1].split(".")[0]


def states(call: Call) -> str:
    return NotificationChunk.objects.get(pk=call.args[0]).states


def test_many_shows_take_as_many_commands_as_few(outbox: list[Any], commands: Commands) -> None:
    taken = []
    for count in (2, 50):
        calls = start(count, viewers=10)
        commands.names.clear()
        assert batch_notify_stream_authorized.run(calls) == ["planned"] * count
        planning = Counter(commands.names)
        chunks = calls_of("send_chunk")
        commands.names.clear()
        assert send_chunk.run(chunks) == ["sent"] * 2 * count
        taken.append((planning, Counter(commands.names)))
        assert (queued_messages(), len(outbox)) == ([], 2 * 10 * count)
        outbox.clear()

    assert taken[0] == taken[1]
    planning, sending = taken[0]
    assert (planning.total(), sending.total()) == (11, 12)


def test_shows_share_calls(pusher: PusherLoopback, in_sequence: None) -> None:
    calls = plan(10, viewers=3)
    assert send_chunk.run(calls) == ["sent"] * 20
    assert pusher.requests == 3 + 3
    assert [preset(event) for event in pusher.events] == ["preview"] * 30 + ["sd"] * 30
    assert len({event.channel for event in pusher.events}) == 60
    assert [event.viewers for event in NotificationEvent.objects.exclude(sent_at=None)] == [3] * 20


def test_each_viewer_gets_the_preview_first(pusher: PusherLoopback, settings: Any) -> None:
    settings.ORDER_PATIENCE_SECONDS = 5
    pusher.latency = 0.01
    assert send_chunk.run(plan(30, viewers=4)) == ["sent"] * 60
    seen: dict[str, list[str]] = {}
    for event in pusher.events:
        seen.setdefault(event.channel.rpartition(".")[2], []).append(preset(event))
    assert list(seen.values()) == [["preview", "sd"]] * 120


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(("patience_seconds", "last"), [(5, ["preview", "sd"]), (0, ["sd", "preview"])])
def test_preview_that_hangs_holds_up_no_other_show(
    pusher: PusherLoopback, settings: Any, patience_seconds: int, last: list[str]
) -> None:
    """Only the sd event of the same show waits for the preview, and not for ever."""
    settings.ORDER_PATIENCE_SECONDS = patience_seconds
    calls = plan(5, viewers=20)
    pusher.hang_next(seconds=5)
    assert send_chunk.run(calls) == ["sent"] * 10

    last_show = slow(pusher)
    arrived = list(dict.fromkeys((event.channel.split(".")[0], preset(event)) for event in pusher.events))
    assert [which for show, which in arrived if show == last_show] == last
    assert arrived.index((last_show, "preview")) >= 8


def test_preview_in_the_hands_of_another_worker_goes_first(pusher: PusherLoopback, settings: Any) -> None:
    settings.ORDER_PATIENCE_SECONDS = 5
    pusher.latency = 0.02
    shows = preview_and_sd(plan(2, viewers=2))
    previews, sds = ([both[place] for both in shows] for place in (0, 1))
    assert at_once([lambda: send_chunk.run(sds), lambda: send_chunk.run(previews)]) == [["sent"] * 2] * 2
    assert [preset(event) for event in pusher.events] == ["preview"] * 4 + ["sd"] * 4


def test_each_call_has_an_outcome_of_its_own(pusher: PusherLoopback, in_sequence: None) -> None:
    sent, ended, refused = preview_and_sd(plan(3, viewers=12))
    gone = Call((f"{ObjectId()}:0",))
    collection("goals").update_one({"_id": ObjectId(ended[0].subject)}, {"$set": {"exp": datetime.now(UTC)}})
    pusher.fail_next(status=200)
    pusher.fail_next(status=413)

    outcomes = send_chunk.run([sent[0], ended[0], gone, refused[0]])

    assert outcomes[:2] == ["sent", "expired"]
    assert isinstance(outcomes[2], NotificationChunk.DoesNotExist)
    assert isinstance(outcomes[3], TransportError)
    assert outcomes[3].permanent
    assert [states(each[0]) for each in (sent, ended, refused)] == ["s" * 12, "e" * 12, "f" * 12]
    assert [call.args for call in calls_of("send_chunk")] == [
        call.args for call in (sent[1], ended[1], refused[0], refused[1])
    ]


def test_outage_leaves_all_shows_for_the_next_attempt(pusher: PusherLoopback, in_sequence: None) -> None:
    calls = plan(5, viewers=11)
    pusher.fail_next(status=503, times=TRIES * DOWN_AFTER)
    outcomes = send_chunk.run(calls)
    assert [isinstance(each, TransportError) and not each.permanent for each in outcomes] == [True] * 10
    assert (len(calls_of("send_chunk")), pusher.requests) == (10, TRIES * DOWN_AFTER)
    assert send_chunk.run(calls) == ["sent"] * 10
    assert (queued_messages(), len(pusher.events)) == ([], 2 * 5 * 11)


def test_batch_that_meets_the_same_chunk_twice_sends_it_once(outbox: list[Any]) -> None:
    (preview, sd) = plan(1, viewers=2)
    assert send_chunk.run([preview, sd, preview]) == ["sent"] * 3
    assert (len(outbox), NotificationChunk.objects.get(preset="preview").attempts) == (4, 1)


def test_batch_that_meets_the_same_show_twice_plans_it_once() -> None:
    calls = start(3, viewers=2)
    again = [*calls, calls[1]]
    assert batch_notify_stream_authorized.run(again) == ["planned"] * 3 + ["nothing_to_plan"]
    assert len(planned_viewers()) == 2 * 3 * 2


def test_show_that_cannot_be_planned_does_not_keep_others_out() -> None:
    """The second show is broken, and the size of the third show's audience is unknown."""
    calls = start(4, viewers=2)
    collection("goals").update_one({"_id": ObjectId(calls[1].subject)}, {"$set": {"levels": []}})
    collection("goals").update_one({"_id": ObjectId(str(calls[2].args[1]))}, {"$unset": {"payers": True}})
    outcomes = batch_notify_stream_authorized.run(calls)
    assert (outcomes[0], *outcomes[2:]) == ("planned",) * 3
    assert isinstance(outcomes[1], ShowCannotBeAnnounced)
    assert len(planned_viewers()) == 3 * 2 * 2
    assert [call.args for call in calls_of("batch_notify_stream_authorized")] == [calls[1].args]


def test_workers_who_plan_the_same_shows_at_once_plan_everybody_once() -> None:
    calls = start(30, viewers=2)
    done = at_once([lambda: batch_notify_stream_authorized.run(calls)] * 3)
    assert Counter(each for outcomes in done for each in outcomes) == {"planned": 30, "nothing_to_plan": 60}
    assert len(planned_viewers()) == len(set(planned_viewers())) * 2 == 2 * 2 * 30
    assert len(queued_messages()) == 60


def test_rows_and_messages_name_the_request_of_their_call(outbox: list[Any]) -> None:
    calls = start(2, viewers=1)
    batch_notify_stream_authorized.run(calls)
    requests = {call.subject: call.request_id for call in calls}
    assert {message["subject"]: message["request_id"] for message in stored(MESSAGES)} == requests
    send_chunk.run(calls_of("send_chunk"))
    rows = [(row["outcome"], row["request_id"]) for row in stored("goal_timeline", kind="delivery")]
    assert Counter(request for outcome, request in rows if outcome == "planned") == {"request-0": 2, "request-1": 2}
    assert {request for outcome, request in rows if outcome == "sent"} == {f"request-{place}" for place in range(4)}


def test_late_payers_of_many_shows_are_planned_together(outbox: list[Any], commands: Commands) -> None:
    send_chunk.run(plan(20, viewers=2))
    late = {f"breakdown.{ObjectId()}": {"amount": 5}}
    collection("goals").update_many({"_cls": "ShowFundingGoal"}, {"$set": late})
    calls = [Call((show,)) for show in {event.goal_id for event in NotificationEvent.objects.all()}]
    commands.names.clear()
    assert notify_late_payers.run([*calls, calls[0]]) == ["planned"] * 20 + ["nothing_to_plan"]
    assert len(commands.names) < 30
    outbox.clear()
    send_chunk.run(calls_of("send_chunk"))
    assert list(got(outbox).values()) == [40]


def test_payers_of_many_shows_are_told_together(outbox: list[Any]) -> None:
    calls = start(3, viewers=2)
    shows = [Goal.objects.get(pk=call.subject) for call in calls]
    data = '{"event_id": "%s", "version": 1, "reason": "revived"}'
    asked = [
        Call(("goal.updated", str(show.pk), show.context.funding_goal_id, data % show.pk), subject=str(show.pk))
        for show in shows
    ]
    collection("goals").update_many({"_id": {"$in": [show.pk for show in shows[1:]]}}, {"$set": {"activated_at": None}})
    outcomes = batch_notify_payers.run([*asked, Call(("goal.updated", str(ObjectId()), "", data % "x"))])
    assert outcomes[:3] == ["superseded", "planned", "planned"]
    assert isinstance(outcomes[3], Goal.DoesNotExist)


def test_small_audiences_do_not_wait_for_a_large_one() -> None:
    """The large audience was planned first, and all chunks are due."""
    (large,) = start(1, viewers=SMALL_AUDIENCE + 1)
    batch_notify_stream_authorized(*large.args)
    collection(MESSAGES).delete_many({"name": "batch_notify_stream_authorized"})
    small = plan(3, viewers=2)
    broker = PreciseBroker(Queue.AUDIENCE.value)
    claimed = [[claim.name for claim in broker.claim()] for _ in range(3)]
    assert claimed == [["send_chunk"] * len(small), ["send_large_chunk"] * 2, ["send_large_chunk"] * 2]
