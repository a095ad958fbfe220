"""Names and payloads of the events on the wire."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import orjson

from goals.event_ids import event_id
from goals.models import Goal
from showgoals.queries import AwaitingShow

GOAL_ADDED = "goal.added"
GOAL_STARTED = "goal.started"
GOAL_UPDATED = "goal.updated"
GOAL_CANCELLED = "goal.cancelled"
GOAL_ENDED = "goal.ended"
STREAM_AUTHORIZED = "stream.authorized"
PREVIEW = "preview"
SD = "sd"
# After the preview event a client waits a random part of this, so that not all ask for a token at once.
JITTER_SECONDS = 3

Payload = dict[str, Any]


def goal_payload(name: str, goal: Goal) -> Payload:
    """Return the data of one of the `goal.*` events."""
    identity = {
        "event_id": event_id(str(goal.pk), name, generation=goal.access_generation),
        "goal_id": str(goal.pk),
        "type": goal.wire_type,
        "session_id": goal.conditions.session_id,
    }
    return {**identity, **_DETAILS[name](goal)}


def authorized_payload(goal_id: str, show: AwaitingShow, preset: str) -> Payload:
    """Return what `stream.authorized` tells every viewer. The access lasts from `nbf` to `exp`."""
    exp = int(show.exp.timestamp())
    return {
        "event_id": event_id(goal_id, STREAM_AUTHORIZED, preset=preset, generation=exp),
        "goal_id": goal_id,
        "session_id": show.session_id,
        "nbf": int(show.nbf.timestamp()),
        "exp": exp,
        "jitter_factor": JITTER_SECONDS,
    }


def as_json(payload: Mapping[str, Any]) -> str:
    """Return the payload as compact JSON. Letters of any script stay unescaped, because vendors limit the bytes."""
    return orjson.dumps(payload).decode()


def _added(goal: Goal) -> Payload:
    return {
        "streamer_id": goal.metadata.user_id,
        "nbf": _seconds(goal.nbf),
        "levels": goal.levels_data(),
        "context": goal.context_data(),
    }


def _started(goal: Goal) -> Payload:
    return {
        "progress": goal.progress,
        "levels": goal.levels_data(),
        "context": goal.context_data(),
        "access_exp": _seconds(goal.access_exp),
    }


def _moved(goal: Goal) -> Payload:
    return {"nbf": _seconds(goal.nbf), "access_exp": _seconds(goal.access_exp)}


def _ended(goal: Goal) -> Payload:
    return {"progress": goal.progress, "exp": _seconds(goal.exp)}


def _seconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp())


_DETAILS: dict[str, Callable[[Goal], Payload]] = {
    GOAL_ADDED: _added,
    GOAL_STARTED: _started,
    GOAL_UPDATED: _moved,
    GOAL_CANCELLED: _moved,
    GOAL_ENDED: _ended,
}
