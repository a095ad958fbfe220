"""The queued tasks that send events to a streamer's three channels, and to every viewer of a show."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from functools import partial

from bson import ObjectId

from config import clock
from goals.models import DEFERRED, Goal
from mongodb.documents import find
from mongodb.transactions import run_in_transaction
from notifications.events import GOAL_CANCELLED, GOAL_STARTED, as_json
from notifications.fanout.attempts import attempt_chunks
from notifications.fanout.audience import Senders
from notifications.fanout.late_payers import wanted_by_late_payers
from notifications.fanout.reasons import reason_not_to_send
from notifications.fanout.settling import close
from notifications.fanout.wanted import OwnEvent, Wanted, plan_wanted, wanted_access, wanted_event
from notifications.former_messages import former_event
from notifications.models import NotificationChunk
from notifications.streamer_events import StreamerEvent
from notifications.telling import send_to_streamers
from taskqueue.calls import Call, Outcome
from taskqueue.durable import bulk, durable
from taskqueue.messages import Primitive
from taskqueue.queues import Queue

# A call to Pusher takes up to ten events. By default, sixteen calls are under way at a time.
EVENTS_AT_ONCE = 100
# A transaction plans both events of fifty shows, so a batch needs two transactions.
SHOWS_AT_ONCE = 100
CHUNKS_AT_ONCE, VIEWERS_AT_ONCE = 100, 2000
# How long the task for late payers waits if the event for the other payers is not planned yet.
ASK_AGAIN_AFTER = timedelta(seconds=1)


@bulk(Queue.TELL, most=EVENTS_AT_ONCE, rank=0, save=False)
def notify_goal(calls: Sequence[Call]) -> list[Outcome]:
    """Send `goal.*` events to the streamers' channels. Idempotent: a rerun sends the same event_id.

    Each call is `notify_goal(name, goal_id, streamer_id, data)`. An event that is superseded is not sent.
    Flow: goal.started -> notify_show_goal_started
    """
    return send_to_streamers(calls, [_streamer_event(*map(str, call.args)) for call in calls])


@bulk(Queue.TELL, most=EVENTS_AT_ONCE, save=False)
def notify_progress(calls: Sequence[Call]) -> list[Outcome]:
    """Send `goal.progressed` as `notify_goal` does, unless the progress has grown since the event was queued."""
    return send_to_streamers(calls, [StreamerEvent.from_line(str(call.args[0])) for call in calls])


@durable
def notify_added_at_once(line: str) -> None:
    """Send an event as `notify_goal` does, for messages that an earlier release has queued."""
    notify_goal(*StreamerEvent.from_line(line).as_arguments())


@durable
def notify_goals_started(lines: str) -> None:
    """Send the events of several shows as `notify_goal` does, for messages that an earlier release has queued."""
    for line in lines.splitlines() if lines.startswith("[") else ():
        notify_goal(*StreamerEvent.from_line(line).as_arguments())
    for goal_id in () if lines.startswith("[") else lines.split():
        notify_goal(GOAL_STARTED, goal_id)


@bulk(Queue.WORK, most=SHOWS_AT_ONCE, rank=0)
def batch_notify_stream_authorized(calls: Sequence[Call]) -> list[Outcome]:
    """Plan the two `stream.authorized` events, preview and sd, for every viewer who has paid.

    Each call is `batch_notify_stream_authorized(goal_id, funding_goal_id, version, exp)`. `version` is the version of
    the goal with which the access began. `exp` is when the access ends, in Unix seconds. If the access has moved since,
    nothing is planned, because the move has queued a task of its own. Idempotent: a rerun adds missing viewers.
    Flow: goal.started -> notify_stream_authorized -> batch notify (preview), batch notify (sd)
    """
    return plan_wanted([_wanted_access(call, *call.args) for call in calls], senders=SENDERS)


@bulk(Queue.WORK, most=SHOWS_AT_ONCE)
def batch_notify_payers(calls: Sequence[Call]) -> list[Outcome]:
    """Plan a `goal.*` event for the preview channel of every viewer who has paid. Idempotent.

    Each call is `batch_notify_payers(name, goal_id, funding_goal_id, data)`. `data` is the payload as JSON. An event
    that is superseded is not planned.
    """
    goals = _goals(str(call.args[1]) for call in calls)
    return plan_wanted([_wanted_event(call, goals) for call in calls], senders=SENDERS)


@bulk(Queue.WORK, most=SHOWS_AT_ONCE)
def notify_late_payers(calls: Sequence[Call]) -> list[Outcome]:
    """Plan the event that payers who were listed late have missed.

    Each call is `notify_late_payers(goal_id)`. The goal is their show, or their funding goal that has lapsed. Nothing
    is planned for a scheduled show, because its start includes these payers. If the other payers' event is not planned
    yet, the call is queued again for later. Viewers for whom the event is already planned are left out. Idempotent.
    """
    goals = _goals(str(call.args[0]) for call in calls)
    waiting = batch_notify_payers.queued_among(goals)
    asked = [
        _ask_again(call) if call.args[0] in waiting else wanted_by_late_payers(call, goals.get(str(call.args[0])))
        for call in calls
    ]
    return plan_wanted(asked, senders=SENDERS)


@durable
def batch_notify_cancelled(goal_id: str, funding_goal_id: str) -> Primitive:
    """Do what `batch_notify_payers` does, for messages that an earlier release has queued."""
    event = former_event(GOAL_CANCELLED, goal_id)
    return batch_notify_payers(event.name, goal_id, funding_goal_id, as_json(event.data))


@bulk(Queue.AUDIENCE, most=CHUNKS_AT_ONCE, heaviest=VIEWERS_AT_ONCE, rank=0, save=False)
def send_chunk(calls: Sequence[Call]) -> list[Outcome]:
    """Send the events of chunks to the viewers who still need them.

    Each call is `send_chunk(chunk_id)`. The outcome is a temporary TransportError if some viewers of the chunk are
    left, or a permanent one if the vendor refused some. A rerun sends only what is left, with the same event_id.
    """
    return attempt_chunks(calls)


@bulk(Queue.AUDIENCE, most=CHUNKS_AT_ONCE, heaviest=VIEWERS_AT_ONCE, rank=1, save=False)
def send_large_chunk(calls: Sequence[Call]) -> list[Outcome]:
    """Send the events of large audiences as `send_chunk` does. The chunks of smaller audiences are sent first."""
    return attempt_chunks(calls)


SENDERS = Senders(usual=send_chunk, large=send_large_chunk)


@durable
def close_deliveries(goal_id: str) -> int:
    """Store a final state for the viewers who were not told before their show ended. Return their number. Idempotent.

    The queue may have given up on the messages of their chunks. In that case, no other task would store their states.
    """
    now = clock.now()
    closed = 0
    goal = _goals([goal_id]).get(goal_id)
    for chunk in NotificationChunk.objects.filter(goal_id=goal_id, sent_at=None):
        if reason := reason_not_to_send(chunk, goal, now=now):
            closed += run_in_transaction(partial(close, chunk, reason, now=now))
    return closed


def _streamer_event(name: str, goal_id: str, streamer_id: str = "", data: str = "") -> StreamerEvent:
    return StreamerEvent(name, streamer_id, json.loads(data)) if data else former_event(name, goal_id)


def _goals(goal_ids: Iterable[str]) -> dict[str, Goal]:
    ids = {"$in": [ObjectId(goal_id) for goal_id in goal_ids]}
    return {str(goal.pk): goal for goal in find(Goal, {"_id": ids}, deferred=DEFERRED)}


def _wanted_access(call: Call, *args: Primitive) -> Wanted:
    goal_id, funding_goal_id, version, exp = (*args, 0, 0)[:4]
    return wanted_access(call, str(goal_id), str(funding_goal_id), version=int(version or 0), exp=int(exp or 0))


def _wanted_event(call: Call, goals: Mapping[str, Goal]) -> Wanted | OwnEvent | Outcome:
    name, goal_id, funding_goal_id, data = map(str, call.args)
    return wanted_event(call, goals.get(goal_id), funding_goal_id, name, json.loads(data))


def _ask_again(call: Call) -> str:
    goal_id = str(call.args[0])
    with call.for_its_request():
        notify_late_payers.enqueue(goal_id, at=clock.now() + ASK_AGAIN_AFTER, subject=goal_id)
    return "waits"
