"""The type and the data of an event. If the event also goes to Pusher, it has the same data there, with one exception.

Each event has a `session_id` here, but `goal.progressed` has none on Pusher.
"""

from typing import Any

from goals.event_ids import event_id
from goals.payloads import GoalCreated, GoalPayload, SettlementDecided
from goals.signals import goal_created, settlement_decided
from notifications.events import goal_event
from sessions_app.recordings.signals import RecordingMoved

Data = dict[str, Any]


def type_and_data(payload: GoalPayload) -> tuple[str, Data]:
    """Return the type and the data of the event for an announcement."""
    match payload:
        case GoalCreated():
            return goal_created.name, {**_identity(payload, goal_created.name), **_created(payload)}
        case SettlementDecided():
            name = settlement_decided.name
            return name, {**_identity(payload, name), "settlement": dict(payload.settlement)}
        case RecordingMoved():
            return payload.name, {**_identity(payload, payload.name, payload.attempts), **_recording(payload)}
    name, data = goal_event(payload)
    return name, {**data, "session_id": payload.conditions["session_id"]}


def _identity(payload: GoalPayload, name: str, fact: int | None = None) -> Data:
    """Return the fields that events on Pusher have, too.

    `fact` is the number that the event_id is made from, if it is not the version.
    """
    return {
        "event_id": event_id(payload.goal_id, name, payload.version if fact is None else fact),
        "version": payload.version,
        "goal_id": payload.goal_id,
        "session_id": payload.conditions["session_id"],
        "type": payload.kind.wire_type,
    }


def _created(payload: GoalCreated) -> Data:
    return {
        "streamer_id": payload.metadata["user_id"],
        "active": payload.active,
        "nbf": None if payload.nbf is None else int(payload.nbf.timestamp()),
        "exp": None if payload.exp is None else int(payload.exp.timestamp()),
        "levels": [dict(level) for level in payload.levels],
        "context": dict(payload.context),
    }


def _recording(payload: RecordingMoved) -> Data:
    return {
        "state": payload.state,
        "attempts": payload.attempts,
        "error": payload.error,
        "files": [dict(file) for file in payload.files],
    }
