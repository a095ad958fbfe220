"""The ids of the events of a goal."""

from uuid import NAMESPACE_OID, uuid5


def event_id(goal_id: str, event: str, *, preset: str = "", generation: int = 0) -> str:
    """Return the UUIDv5 of one event of a goal: the same for all channels, retries and redeliveries.

    The generation is `Goal.access_generation`, so the id changes only when the access has moved.
    """
    return str(uuid5(NAMESPACE_OID, f"{goal_id}:{event}:{preset}:{generation}"))
