"""Ids of a goal's events."""

from uuid import NAMESPACE_OID, uuid5


def event_id(goal_id: str, event: str, version: int, *, preset: str = "") -> str:
    """Return the UUIDv5 of one fact about a goal: the same for all channels, retries and redeliveries.

    `version` is the goal's version since which the fact is true. `goal.progressed` passes the progress instead, because
    payments don't raise the version. So each occurrence of a fact, such as a second cancellation, has an id of its own
    (docs/adr/0019-event-id.md).
    """
    return str(uuid5(NAMESPACE_OID, f"{goal_id}:{event}:{preset}:{version}"))
