"""Sends events to the channels of streamers, many at a time, and notes the outcome of each."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from bson import ObjectId

from config.errors import TransportError
from goals.models import DEFERRED, Goal, TimelineKind
from goals.timeline import record_each
from mongodb.documents import find
from notifications.events import GOAL_STARTED
from notifications.fanout.sending import deliver
from notifications.in_order import wait_for_added
from notifications.streamer_events import StreamerEvent
from notifications.superseded import is_superseded
from taskqueue.calls import Call, Outcome

# Each pair has the outcome of an event, and the detail for the timeline.
SENT = ("sent", "3 channels")
SUPERSEDED = ("superseded", "")
Events = Mapping[int, StreamerEvent]


def send_to_streamers(calls: Sequence[Call], events: Sequence[StreamerEvent]) -> list[Outcome]:
    """Send the event of each call, unless it is superseded, in as few requests as possible. Return the outcomes."""
    ids = [ObjectId(event.goal_id) for event in events]
    goals = {str(goal.pk): goal for goal in find(Goal, {"_id": {"$in": ids}}, deferred=DEFERRED)}
    current = {
        place: event
        for place, event in enumerate(events)
        if not is_superseded(event.name, event.data, goals[event.goal_id])
    }
    starts = [event.goal_id for event in current.values() if event.name == GOAL_STARTED]
    wait_for_added(starts, besides=calls)
    failed = {place: error for together in _rounds(current) for place, error in _send(together).items()}
    told = {place: SENT if place in current else SUPERSEDED for place in range(len(events)) if place not in failed}
    _note(calls, events, told)
    return [failed.get(place) or told[place][0] for place in range(len(events))]


def _rounds(events: Events) -> Iterator[Events]:
    """Yield the first event of each goal, then the second event of each goal, and so on.

    Events that are sent together may arrive in any order, so the events of one goal are in different rounds.
    """
    of_goal: defaultdict[str, list[int]] = defaultdict(list)
    for place, event in events.items():
        of_goal[event.goal_id].append(place)
    for turn in range(max(map(len, of_goal.values()), default=0)):
        places = sorted(places[turn] for places in of_goal.values() if len(places) > turn)
        yield {place: events[place] for place in places}


def _send(events: Events) -> dict[int, TransportError]:
    """Send the events. Return the errors of the events that did not reach all their channels."""
    unsent = {each: place for place, event in events.items() for each in event.on_channels()}
    failed: dict[int, TransportError] = {}
    for result in deliver(list(unsent)).results:
        for each in result.call.events:
            place = unsent.pop(each)
            if result.error is not None:
                failed[place] = result.error
    text = "Not all calls were made, because the realtime vendor is slow or unavailable."
    slow = TransportError(text, permanent=False)
    return dict.fromkeys(unsent.values(), slow) | failed


def _note(calls: Sequence[Call], events: Sequence[StreamerEvent], told: Mapping[int, tuple[str, str]]) -> None:
    """Put the outcomes on the timelines. Events that failed are left out, because the queue tries them again."""
    alike: defaultdict[tuple[str, str, str], list[int]] = defaultdict(list)
    for place, (outcome, detail) in told.items():
        alike[events[place].name, outcome, detail].append(place)
    for (name, outcome, detail), places in alike.items():
        goal_ids, requests = [events[each].goal_id for each in places], [calls[each].request_id for each in places]
        record_each(goal_ids, TimelineKind.DELIVERY, name, outcome, detail, request_ids=requests)
