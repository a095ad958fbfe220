"""Sends one chunk to those of its viewers who are left."""

from collections.abc import Iterator
from datetime import datetime

from bson import ObjectId

from config.errors import TransportError
from mongodb.transactions import collection
from notifications.backends.base import ChannelEvent, NotDelivered
from notifications.batch import deliver
from notifications.channels import viewer_channel
from notifications.events import SD, STREAM_AUTHORIZED, as_json
from notifications.ledger import State
from notifications.models import NotificationChunk
from sessions_app.credentials import PaidWindow, SdCredentials


def deliver_chunk(chunk: NotificationChunk, *, now: datetime) -> dict[int, State]:
    """Send the chunk's event to everyone who has not got it for certain. Returns what is known now, by position.

    Whoever is not in the answer surely got nothing in this attempt.
    """
    ledger = chunk.ledger
    positions = {
        viewer_channel(chunk.streamer_id, chunk.preset, ledger.viewer(position)): position
        for position in ledger.to_send()
    }
    delivery = deliver(_events(chunk, positions, now=int(now.timestamp())))
    return {
        positions[channel]: state
        for outcome in delivery.outcomes
        if (state := _state(outcome.error)) is not State.PLANNED
        for channel in outcome.call.channels
    }


def is_too_late(chunk: NotificationChunk, *, now: datetime) -> bool:
    """Tell whether the access that the event grants is over: its end has come, or the show has ended before."""
    if chunk.name != STREAM_AUTHORIZED:
        return False
    running = {"_id": ObjectId(chunk.goal_id), "exp": None}
    over: bool = now.timestamp() >= chunk.payload["exp"]
    return over or collection("goals").find_one(running, {"_id": True}) is None


def _events(chunk: NotificationChunk, positions: dict[str, int], *, now: int) -> Iterator[ChannelEvent]:
    """Yield the events by channel; those of `sd` carry that viewer's own credentials, minted here, stored nowhere."""
    common, ledger = as_json(chunk.payload), chunk.ledger
    credentials = SdCredentials(_paid_window(chunk), now=now) if chunk.preset == SD else None
    for channel, position in positions.items():
        data = common
        if credentials is not None:
            data = as_json(chunk.payload | credentials.mint(ledger.viewer(position)))
        yield ChannelEvent(channel, chunk.name, data)


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
