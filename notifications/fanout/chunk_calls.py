"""Builds the calls that send the events of many chunks. Each viewer gets the preview event before the sd event."""

import math
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain, islice

from django.conf import settings

from config.errors import TransportError
from notifications.backends.base import CallResult, ChannelEvent, Limits, NotDelivered, RealtimeCall
from notifications.channels import viewer_channel
from notifications.events import SD, Payload, as_json
from notifications.fanout.ledger import MISSED, Ledger, State
from notifications.fanout.packing import pack
from notifications.in_order import GLANCE_SECONDS, at_first_attempt, preview_before
from notifications.models import NotificationChunk
from sessions_app.credentials import PaidWindow, SdCredentials
from taskqueue.calls import Call


@dataclass(slots=True)
class Attempt:
    """An attempt to send a chunk: the ledger with which it began, to whom it sends, and what it has found so far.

    `to_send` maps positions in the ledger to viewers. `unanswered` counts the viewers without a result so far. If there
    is a `reason`, nothing is sent, and the viewers get the reason as their state.
    """

    call: Call
    chunk: NotificationChunk
    ledger: Ledger
    to_send: dict[int, str]
    reason: State | None = None
    found: dict[int, State] = field(default_factory=dict)
    unanswered: int = 0

    @classmethod
    def of(cls, call: Call, chunk: NotificationChunk) -> "Attempt":
        """Return an attempt to reach the viewers to whom the event is still to be sent."""
        ledger = chunk.ledger
        return cls(call, chunk, ledger, {position: ledger.viewer(position) for position in ledger.to_send()})

    @property
    def news(self) -> dict[int, State]:
        """Return the states that the attempt has found, by position.

        Viewers whose event already counted as sent are left out.
        """
        return {position: state for position, state in self.found.items() if self.ledger.states[position] != MISSED}

    def give_up(self, reason: State) -> None:
        """Send nothing, and give all remaining viewers this state."""
        self.reason = reason
        self.found = dict.fromkeys(self.to_send, reason)

    def leave_out(self, excluded: set[str]) -> None:
        """Send nothing to these viewers, and give them the state EXCLUDED."""
        out = [position for position, viewer in self.to_send.items() if viewer in excluded]
        for position in out:
            del self.to_send[position]
            self.found[position] = State.EXCLUDED


# An attempt, and a viewer's position in its chunk.
Place = tuple[Attempt, int]
PlacedEvent = tuple[Place, ChannelEvent]


class ChunkCalls:
    """Iterates over the calls. The caller must pass each result to `note` before it takes another call.

    Events that wait for nothing, such as previews, go first. The sd events of a chunk go out once the previews for the
    same viewers have been attempted, or after ORDER_PATIENCE_SECONDS. Events of different shows share calls.
    """

    def __init__(self, attempts: Sequence[Attempt], limits: Limits, *, now: datetime) -> None:
        self._attempts = attempts
        self._limits = limits
        self._now = int(now.timestamp())
        self._under_way: dict[RealtimeCall, list[Place]] = {}
        for attempt in attempts:
            attempt.unanswered = len(attempt.to_send)

    def note(self, result: CallResult) -> None:
        """Note the result of a call for its viewers."""
        state = _state(result.error)
        for attempt, position in self._under_way.pop(result.call, ()):
            attempt.unanswered -= 1
            if state is not State.PLANNED:
                attempt.found[position] = state

    def __iter__(self) -> Iterator[RealtimeCall | None]:
        waiting = _Waiting(self._attempts)
        yield from self._calls(chain.from_iterable(self._events(each) for each in waiting.for_nothing))
        waiting.lose_patience_soon()
        ready: deque[Iterator[PlacedEvent]] = deque()
        while waiting or ready:
            ready.extend(self._events(each) for each in waiting.released())
            if some := _take(ready, self._limits.events_per_batch):
                yield from self._calls(some)
            elif self._under_way:
                yield None
            else:
                time.sleep(GLANCE_SECONDS)

    def _calls(self, events: Iterable[PlacedEvent]) -> Iterator[RealtimeCall]:
        """Yield the calls, and remember which viewers each call is for."""
        places: deque[Place] = deque()
        for call in pack(_remembered(events, places), self._limits):
            self._under_way[call] = [places.popleft() for _channel in call.channels]
            yield call

    def _events(self, attempt: Attempt) -> Iterator[PlacedEvent]:
        """Yield an event for each viewer. Events of `sd` carry the viewer's own credentials, which are never stored."""
        chunk = attempt.chunk
        common = as_json(chunk.payload)
        credentials = SdCredentials(_paid_window(chunk), now=self._now) if chunk.preset == SD else None
        for position, viewer in attempt.to_send.items():
            own: Payload = {}
            if redelivery := attempt.ledger.redelivery(position):
                own["redelivery"] = redelivery
            if credentials is not None:
                own |= credentials.mint(viewer)
            channel = viewer_channel(chunk.streamer_id, chunk.preset, viewer)
            data = as_json(chunk.payload | own) if own else common
            yield (attempt, position), ChannelEvent(channel, chunk.name, data)


class _Waiting:
    """The attempts at sd chunks that wait for the first attempts at the preview chunks for the same viewers."""

    def __init__(self, attempts: Sequence[Attempt]) -> None:
        self.for_nothing: list[Attempt] = []
        self._waiting: dict[str, Attempt] = {}
        for attempt in attempts:
            if preview := preview_before(attempt.chunk):
                self._waiting[preview] = attempt
            else:
                self.for_nothing.append(attempt)
        self._here = {attempt.chunk.pk: attempt for attempt in attempts}
        self._gives_up_at = math.inf
        self._looks_again_at = 0.0
        self._elsewhere: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def lose_patience_soon(self) -> None:
        """Release all attempts after ORDER_PATIENCE_SECONDS.

        The calls for all previews of this batch have begun by now.
        """
        self._gives_up_at = time.monotonic() + settings.ORDER_PATIENCE_SECONDS

    def released(self) -> list[Attempt]:
        """Return the attempts that no longer have to wait. Each attempt is returned once."""
        now = time.monotonic()
        if now >= self._looks_again_at and (others := self._waiting.keys() - self._here.keys()):
            self._elsewhere = at_first_attempt(others)
            self._looks_again_at = now + GLANCE_SECONDS
        free = (
            list(self._waiting) if now >= self._gives_up_at else [each for each in self._waiting if self._is_free(each)]
        )
        return [self._waiting.pop(preview) for preview in free]

    def _is_free(self, preview: str) -> bool:
        here = self._here.get(preview)
        return preview not in self._elsewhere if here is None else here.unanswered == 0


def _take(ready: deque[Iterator[PlacedEvent]], count: int) -> list[PlacedEvent]:
    """Return the next events, at most `count`."""
    taken: list[PlacedEvent] = []
    while ready and len(taken) < count:
        taken += islice(ready[0], count - len(taken))
        if len(taken) < count:
            ready.popleft()
    return taken


def _remembered(events: Iterable[PlacedEvent], places: deque[Place]) -> Iterator[ChannelEvent]:
    for place, event in events:
        places.append(place)
        yield event


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
