"""Chooses the due messages that a worker takes together."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from mongodb.collections import Document
from taskqueue.aside import LOOKS_AT
from taskqueue.durable import BULK, USUAL_RANK

# The fields that a claim reads.
LOOKS = dict.fromkeys((*LOOKS_AT, "alone"), True)


def choose(found: Sequence[Document], *, now: datetime) -> list[Document]:
    """Return the first message, and messages of the same bulk task that can be taken with it, up to the task's limits.

    A message is taken alone if its task is not a bulk task, or if the message is marked `alone` (`messages.py`).
    Messages that are claimed before they are due are taken together only if they are due at the same moment, so that
    none waits for another.
    """
    first, *others = found
    task = BULK.get(first.get("name", ""))
    if task is None or first.get("alone"):
        return [first]
    due = max(now, first["lock"].replace(tzinfo=UTC))
    chosen, weight = [first], first.get("weight", 1)
    for message in others:
        is_together = message.get("name") == first["name"] and not message.get("alone")
        if not is_together or message["lock"].replace(tzinfo=UTC) > due:
            continue
        weight += message.get("weight", 1)
        if len(chosen) == task.most or weight > task.heaviest:
            break
        chosen.append(message)
    return chosen


def by_rank(found: Sequence[Document], *, due_at: datetime) -> list[Document]:
    """Return the due messages, lowest rank first, and then the others.

    Tasks other than bulk tasks have USUAL_RANK.
    """
    due = [message for message in found if message["lock"].replace(tzinfo=UTC) <= due_at]
    return [*sorted(due, key=_rank), *found[len(due) :]]


def rank_conditions(key: str) -> list[Document]:
    """Return a condition for each rank of the lane's tasks except the highest, beginning with the lowest rank.

    A condition also matches messages of lower ranks. It is used only if no message of a lower rank is due.
    """
    ranks = {name: task.rank for name, task in BULK.items() if task.queue.value == key}
    return [_up_to(rank, ranks) for rank in sorted({USUAL_RANK, *ranks.values()})[:-1]]


def _rank(message: Document) -> int:
    task = BULK.get(message.get("name", ""))
    return USUAL_RANK if task is None else task.rank


def _up_to(rank: int, ranks: Mapping[str, int]) -> Document:
    if rank < USUAL_RANK:
        return {"name": {"$in": [name for name in ranks if ranks[name] <= rank]}}
    return {"name": {"$nin": [name for name in ranks if ranks[name] > rank]}}
