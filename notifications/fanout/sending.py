"""Sends events, those of a chunk or any others, in as few calls as the vendor allows."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from bson import ObjectId
from django_q.conf import Conf

from config.errors import TransportError
from goals.models import DEFERRED, Goal
from goals.states import GoalStatus
from mongodb.documents import find
from notifications.backends import get_realtime
from notifications.backends.base import CallResult, ChannelEvent, NotDelivered, RealtimeCall
from notifications.channels import viewer_channel
from notifications.events import SD, STREAM_AUTHORIZED, Payload, as_json
from notifications.fanout.excluded import excluded_among
from notifications.fanout.ledger import State
from notifications.fanout.packing import pack
from notifications.models import NotificationChunk
from notifications.superseded import is_superseded
from sessions_app.credentials import PaidWindow, SdCredentials
from showgoals.exclusions import excluded_from, funding_goal_of

# After this many passing failures in a row the vendor counts as down: a retry of the task sends the rest.
DOWN_AFTER = 3
# No call begins in the last seconds before the task's time-out, which are enough for the longest call and its result.
RESERVED_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Delivery:
    """The results of the calls that were made. It is incomplete if the vendor was down or slow."""

    results: list[CallResult]
    is_complete: bool


def deliver(events: Iterable[ChannelEvent]) -> Delivery:
    """Send the events. Each call is built when it is made."""
    realtime = get_realtime()
    calls = _WhileUseful(pack(events, realtime.limits))
    results = []
    for result in realtime.send(calls):
        calls.note(result)
        results.append(result)
    return Delivery(results, calls.is_complete)


def send(events: Iterable[ChannelEvent]) -> None:
    """Send the events. Raise the first TransportError, or a passing one if some calls were not made."""
    delivery = deliver(events)
    for result in delivery.results:
        if result.error is not None:
            raise result.error
    if not delivery.is_complete:
        raise TransportError("The realtime vendor is slow: not all calls were made.", permanent=False)


def deliver_chunk(chunk: NotificationChunk, goal: Goal | None, *, now: datetime) -> dict[int, State]:
    """Send the chunk's event to the viewers who may not have got it. Return each one's new state, by position.

    A viewer who is missing from the answer got nothing in this attempt.
    """
    viewers = {position: chunk.ledger.viewer(position) for position in chunk.ledger.to_send()}
    excluded = excluded_among(viewers.values()) | (excluded_from(funding_goal_of(goal)) if goal else set())
    positions = {
        viewer_channel(chunk.streamer_id, chunk.preset, viewer): position
        for position, viewer in viewers.items()
        if viewer not in excluded
    }
    delivery = deliver(_events(chunk, positions, now=int(now.timestamp())))
    states = {position: State.EXCLUDED for position, viewer in viewers.items() if viewer in excluded}
    return states | {
        positions[channel]: state
        for result in delivery.results
        if (state := _state(result.error)) is not State.PLANNED
        for channel in result.call.channels
    }


def goal_of(chunk: NotificationChunk) -> Goal | None:
    """Return the goal that the chunk's event is about, as it is now."""
    found = find(Goal, {"_id": ObjectId(chunk.goal_id)}, deferred=DEFERRED)
    return found[0] if found else None


def reason_not_to_send(chunk: NotificationChunk, goal: Goal | None, *, now: datetime) -> State | None:
    """Return EXPIRED if the show or its access is over, SUPERSEDED if a later event has replaced it, or None."""
    if goal is None or goal.status(now) == GoalStatus.ENDED:
        return State.EXPIRED
    if chunk.name == STREAM_AUTHORIZED and now.timestamp() >= chunk.payload["exp"]:
        return State.EXPIRED
    return State.SUPERSEDED if is_superseded(chunk.name, chunk.payload, goal, to_payers=True) else None


def _events(chunk: NotificationChunk, positions: dict[str, int], *, now: int) -> Iterator[ChannelEvent]:
    """Yield an event for each channel. Those of `sd` carry the viewer's own credentials, which are stored nowhere."""
    common, ledger = as_json(chunk.payload), chunk.ledger
    credentials = SdCredentials(_paid_window(chunk), now=now) if chunk.preset == SD else None
    for channel, position in positions.items():
        own: Payload = {}
        if redelivery := ledger.redelivery(position):
            own["redelivery"] = redelivery
        if credentials is not None:
            own |= credentials.mint(ledger.viewer(position))
        yield ChannelEvent(channel, chunk.name, as_json(chunk.payload | own) if own else common)


def _paid_window(chunk: NotificationChunk) -> PaidWindow:
    return PaidWindow(
        goal_id=chunk.goal_id,
        session_id=chunk.payload["session_id"],
        streamer_id=chunk.streamer_id,
        nbf=chunk.payload["nbf"],
        exp=chunk.payload["exp"],
    )


def _state(error: TransportError | None) -> State:
    if error is None:
        return State.SENT
    if error.permanent:
        return State.FAILED
    return State.PLANNED if isinstance(error, NotDelivered) else State.UNKNOWN


class _WhileUseful:
    """Yields the calls until there are no more, the vendor is down, or the time is up."""

    def __init__(self, calls: Iterator[RealtimeCall]) -> None:
        self.is_complete = False
        self._calls = calls
        self._failed_in_a_row = 0
        self._ends_at = time.monotonic() + Conf.TIMEOUT - RESERVED_SECONDS

    def __iter__(self) -> Iterator[RealtimeCall]:
        while self._failed_in_a_row < DOWN_AFTER and time.monotonic() < self._ends_at:
            call = next(self._calls, None)
            if call is None:
                self.is_complete = True
                return
            yield call

    def note(self, result: CallResult) -> None:
        """Count the passing failures in a row."""
        is_passing = result.error is not None and not result.error.permanent
        self._failed_in_a_row = self._failed_in_a_row + 1 if is_passing else 0
