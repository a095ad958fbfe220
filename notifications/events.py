"""The names and the data of the events that clients get."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import orjson

from goals.event_ids import event_id
from goals.payloads import (
    GoalAdded,
    GoalCancelled,
    GoalEnded,
    GoalLapsed,
    GoalPayload,
    GoalProgressed,
    GoalStarted,
    GoalUpdated,
)
from showgoals.queries import AwaitingShow

GOAL_ADDED = "goal.added"
GOAL_STARTED = "goal.started"
GOAL_UPDATED = "goal.updated"
GOAL_CANCELLED = "goal.cancelled"
GOAL_PROGRESSED = "goal.progressed"
GOAL_ENDED = "goal.ended"
GOAL_LAPSED = "goal.lapsed"
STREAM_AUTHORIZED = "stream.authorized"
PREVIEW = "preview"
SD = "sd"
# After the preview event, a client waits a random part of this time, so that not all clients ask for a token at once.
JITTER_SECONDS = 3

Payload = dict[str, Any]


def goal_event(payload: GoalPayload) -> tuple[str, Payload]:
    """Return the name and the data of the `goal.*` event that tells clients of an announced signal."""
    if isinstance(payload, GoalProgressed):
        return GOAL_PROGRESSED, _progressed(payload)
    name, details = _EVENTS[type(payload)]
    identity = {
        "event_id": event_id(payload.goal_id, name, payload.version),
        "version": payload.version,
        "goal_id": payload.goal_id,
        "session_id": payload.conditions["session_id"],
    }
    # Only funding goals lapse, so the event of a lapse has no `type`.
    kind = {} if name == GOAL_LAPSED else {"type": payload.kind.wire_type}
    return name, {**identity, **kind, **details(payload)}


def authorized_payload(goal_id: str, version: int, show: AwaitingShow, preset: str) -> Payload:
    """Return the data of `stream.authorized` that is the same for every viewer. The access lasts from `nbf` to `exp`.

    `version` is the goal's version with which this access began.
    """
    return {
        "event_id": event_id(goal_id, STREAM_AUTHORIZED, version, preset=preset),
        "version": version,
        "goal_id": goal_id,
        "session_id": show.session_id,
        "nbf": int(show.nbf.timestamp()),
        "exp": int(show.exp.timestamp()),
        "jitter_factor": JITTER_SECONDS,
    }


def as_json(payload: Mapping[str, Any]) -> str:
    """Return the payload as compact JSON.

    Non-ASCII characters are not escaped, because vendors limit the size in bytes.
    """
    return orjson.dumps(payload).decode()


def _added(payload: GoalAdded) -> Payload:
    return {
        "streamer_id": payload.streamer_id,
        "nbf": _seconds(payload.nbf),
        "levels": payload.levels,
        "context": payload.context,
    }


def _started(payload: GoalStarted) -> Payload:
    return {
        "progress": payload.progress,
        "levels": payload.levels,
        "context": payload.context,
        "access_exp": _seconds(payload.access_exp),
    }


def _changed(payload: GoalUpdated | GoalCancelled) -> Payload:
    return {
        "nbf": _seconds(payload.nbf),
        "access_exp": _seconds(payload.access_exp),
        "reason": payload.reason.value,
    }


def _progressed(payload: GoalProgressed) -> Payload:
    """Return the data. Its event_id is made from the progress, because payments don't raise the version."""
    return {
        "event_id": event_id(payload.goal_id, GOAL_PROGRESSED, payload.progress),
        "version": payload.version,
        "goal_id": payload.goal_id,
        "progress": payload.progress,
        "target": payload.target,
        "payers": payload.payers,
    }


def _updated(payload: GoalUpdated) -> Payload:
    """Return the data. It has `exp` only for a funding goal, which is a goal without `access_exp`."""
    closing = {"exp": _seconds(payload.exp)} if payload.access_exp is None else {}
    return {**_changed(payload), **closing}


def _ended(payload: GoalEnded) -> Payload:
    return {"progress": payload.progress, "exp": _seconds(payload.exp)}


def _lapsed(payload: GoalLapsed) -> Payload:
    return {"reason": payload.reason.value, "total": payload.total}


def _seconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp())


_EVENTS: dict[type[GoalPayload], tuple[str, Callable[[Any], Payload]]] = {
    GoalAdded: (GOAL_ADDED, _added),
    GoalStarted: (GOAL_STARTED, _started),
    GoalUpdated: (GOAL_UPDATED, _updated),
    GoalCancelled: (GOAL_CANCELLED, _changed),
    GoalEnded: (GOAL_ENDED, _ended),
    GoalLapsed: (GOAL_LAPSED, _lapsed),
}
