"""Ids of a goal's events."""

from uuid import NAMESPACE_OID, uuid5


def event_id(goal_id: str, event: str, version: int, *, preset: str = "") -> str:
    """Return the UUIDv5 of one fact about a goal. It is the same for all channels, retries and redeliveries.

    `version` is the version of the goal in which the fact became true, so a second cancellation has an id of its own.
    For `goal.progressed`, `version` is the progress of the funding goal instead, because payments before the settlement
    don't raise the version (docs/adr/0019-event-id.md). For `stream.authorized`, the event on the preview channel and
    the event on the sd channel are two facts, which `preset` tells apart.
    """
    return str(uuid5(NAMESPACE_OID, f"{goal_id}:{event}:{preset}:{version}"))
