"""Decides whether an event is superseded. A superseded event is not sent (docs/adr/0033-superseded.md)."""

from goals.models import Goal
from goals.payloads import UpdateReason
from goals.states import CANCELLED, ENDED, SCHEDULED
from notifications import events
from notifications.events import Payload


def is_superseded(name: str, data: Payload, goal: Goal, *, to_payers: bool = False) -> bool:
    """Tell whether a later event has replaced the event with this data.

    `to_payers` is true for events on the payers' own channels. Payers are not told of a changed level, so for them a
    changed level does not replace a move.
    """
    match name:
        case events.GOAL_CANCELLED:
            return not CANCELLED.holds(goal) or _is_older(data, goal.cancelled_version)
        case events.GOAL_UPDATED:
            return _is_outdated_update(data, goal, to_payers=to_payers)
        case events.GOAL_PROGRESSED:
            return int(data["progress"]) < goal.progress
        case events.GOAL_STARTED:
            return ENDED.holds(goal)
        case events.STREAM_AUTHORIZED:
            return ENDED.holds(goal) or goal.access_exp is None or data["exp"] != int(goal.access_exp.timestamp())
    return False


def _is_outdated_update(data: Payload, goal: Goal, *, to_payers: bool) -> bool:
    reason = data.get("reason")
    # A revival goes out even if the show was moved since, because no other event tells payers that the show is back.
    if reason == UpdateReason.REVIVED:
        return not SCHEDULED.holds(goal) or _is_older(data, goal.cancelled_version)
    if reason == UpdateReason.MOVED and to_payers:
        return not SCHEDULED.holds(goal) or _is_older(data, goal.moved_version)
    return _is_older(data, goal.version)


def _is_older(data: Payload, version: int | None) -> bool:
    """Tell whether the data has a lower version than `version`.

    Data without a version, from an earlier release, never counts as older.
    """
    return version is not None and data.get("version", version) < version
