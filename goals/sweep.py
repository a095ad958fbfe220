"""The sweep: goals that are due start in batches, so that a thousand starts in one second need only a few writes.

A start is claimed and announced in one transaction (docs/adr/0004-claim-and-announce.md). So each show is started, and
announced, exactly once, even if a worker dies in between.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from bson import ObjectId
from pymongo import ReturnDocument
from pymongo.errors import OperationFailure

from config.errors import ProductError, Unavailable
from goals.access import whole_second_after
from goals.cancelling import oldest_startable
from goals.ending import schedule_end
from goals.models import DEFERRED, Goal, starting_kinds
from goals.payloads import GoalStarted
from goals.signals import announce, goal_started
from goals.states import SCHEDULED
from goals.suspects import Suspects, suspects
from goals.versions import NEXT_VERSION
from mongodb.collections import Document, collection
from mongodb.documents import find, instance, without
from mongodb.failures import is_write_conflict
from mongodb.transactions import commit_not_before, run_in_transaction
from taskqueue.broker import CLAIM_AHEAD

logger = logging.getLogger(__name__)

BATCH = 100
GOALS_A_LOOK = 1000
# If all remaining goals are held, another sweeper is probably starting them. It should be done after this time.
SWEEPERS_PART_SECONDS = 0.03
# Goals that another transaction held a moment ago. Sweeps skip them, and their own messages start them.
held = Suspects(seconds=1.0)
# When a start is later than this, viewers get their time back (`context.started`).
LATE_AFTER = timedelta(seconds=1)


class TakenByAnother(ProductError):
    """Another worker is starting these shows.

    A ProductError, so that the transaction isn't tried again.
    """

    code = "taken_by_another"


class SomeCanNotStart(ProductError):
    """Some shows of the batch have started, or have been cancelled or moved meanwhile."""

    code = "some_can_not_start"


def start_due_goals(
    due: Callable[[], Sequence[ObjectId]], *, now: datetime, begin_at: float = 0.0
) -> Iterator[list[str]]:
    """Start the goals that are due, a batch in each transaction. Yields the ids of the goals that this call started.

    `due` returns the goals that are due; it is asked again until none is left. Several sweepers may run at once, in
    any process: one of them wins each goal, and none waits for another. They rarely collide if each begins at another
    part of the due goals (`begin_at`, 0 to 1). If a sweeper dies, the goals of its batch start by their own messages.
    If one goal is held, because its streamer is moving it, the others of its batch start in smaller batches.
    """
    size = BATCH
    while size:
        count = largest_held = 0
        for batch in _batches(_left(due), size, begin_at=begin_at):
            started = _start_batch(batch, now=now)
            if started:
                count += len(started)
                yield started
            elif count:
                break  # another sweeper has taken these goals, so read again which are due
            elif started is None:
                largest_held = max(largest_held, len(batch))
        if not count:
            if largest_held and size == BATCH:
                time.sleep(SWEEPERS_PART_SECONDS)
            size = largest_held // 2


def start_goals(goal_ids: Sequence[ObjectId], *, now: datetime, wait: bool = True) -> list[str]:
    """Claim the goals that can start, and announce each, in one transaction. Returns their ids.

    Each attempt reads the clock again, so viewers get back the seconds that retries take. Raises TakenByAnother if
    another transaction is starting one of the goals, unless `wait` is set.
    Flow: activate_goal -> "Fetch ShowGoal and modify", then goal.started
    """
    try:
        return run_in_transaction(lambda: _claim_and_announce(goal_ids, now=max(now, datetime.now(UTC)), wait=wait))
    except SomeCanNotStart:
        # With the clock of now, because a show that is missed meanwhile would count as startable again and again.
        now = max(now, datetime.now(UTC))
        return start_goals(startable(goal_ids, now=now), now=now, wait=wait)


def overdue(*, before: datetime) -> list[ObjectId]:
    """Return goals that should have started before the moment and have not, at most GOALS_A_LOOK of a kind.

    The caller has cancelled those that were missed.
    """
    alone = {"nbf": {"$lte": before}, "_id": {"$nin": list(suspects.now())}}
    goals = collection("goals")
    found = [goals.find({**SCHEDULED.condition(kind), **alone}, {"_id": True}) for kind in starting_kinds()]
    return [goal["_id"] for late in found for goal in late.sort("nbf", 1).limit(GOALS_A_LOOK)]


def startable(goal_ids: Sequence[ObjectId], *, now: datetime) -> list[ObjectId]:
    """Return those of the goals that can start at this moment."""
    condition = {**_startable_among(goal_ids), "nbf": _due(now)}
    return [goal["_id"] for goal in collection("goals").find(condition, {"_id": True})]


def _due(now: datetime) -> Document:
    return {"$gte": oldest_startable(now), "$lte": now}


def _startable_among(goal_ids: Sequence[ObjectId]) -> Document:
    return {**SCHEDULED.condition(*starting_kinds()), "_id": {"$in": list(goal_ids)}}


def _left(due: Callable[[], Sequence[ObjectId]]) -> list[ObjectId]:
    skipped = suspects.now() | held.now()
    return [goal_id for goal_id in due() if goal_id not in skipped]


def _batches(due: list[ObjectId], size: int, *, begin_at: float) -> Iterator[list[ObjectId]]:
    """Yield all goals in batches. Begin at the given part of them (0 to 1)."""
    starts = range(0, len(due), size)
    first = int(begin_at * len(starts))
    for start in (*starts[first:], *starts[:first]):
        yield due[start : start + size]


def _start_batch(batch: list[ObjectId], *, now: datetime) -> list[str] | None:
    """Start the goals and return their ids. Return None if another transaction holds one of several."""
    try:
        return start_goals(batch, now=now, wait=False)
    except TakenByAnother:
        if len(batch) > 1:
            return None
        held.add(batch[0])
        return []
    except Unavailable:
        raise
    except Exception:
        logger.exception("batch failed, its goals start one by one goals=%s", len(batch))
        return _start_one_by_one(batch, now=now)


def _start_one_by_one(batch: list[ObjectId], *, now: datetime) -> list[str]:
    started: list[str] = []
    for goal_id in batch:
        try:
            started += start_goals([goal_id], now=now)
        except Unavailable:
            raise
        except Exception:
            logger.exception("goal can't start goal=%s", goal_id)
            suspects.add(goal_id)
    return started


def _claim_and_announce(goal_ids: Sequence[ObjectId], *, now: datetime, wait: bool) -> list[str]:
    shows = _claim(goal_ids, now=now, wait=wait)
    _give_time_back([show for show in shows if max(show.starts_at, show.created_at) < now - LATE_AFTER], now=now)
    for show in shows:
        schedule_end(str(show.pk), show.ends_at)
        announce(goal_started, GoalStarted.of(show))
    return [str(show.pk) for show in shows]


def _claim(goal_ids: Sequence[ObjectId], *, now: datetime, wait: bool) -> list[Goal]:
    """Claim the goals that can start, and read them. It is the first write, so a collision wastes little work."""
    claim = _claim_one if len(goal_ids) == 1 else _claim_many
    try:
        return claim(_startable_among(goal_ids), now=now)
    except OperationFailure as error:
        if wait or not is_write_conflict(error):
            raise
        raise TakenByAnother from error


def _claim_one(startable: Document, *, now: datetime) -> list[Goal]:
    """Claim the goal, also if it is due within CLAIM_AHEAD: the commit then waits until it is due."""
    due = _due(now) | {"$lte": now + CLAIM_AHEAD}
    begins = {"$set": {"active": True, "activated_at": {"$max": ["$nbf", now]}, "version": NEXT_VERSION}}
    claimed = collection("goals").find_one_and_update(
        {**startable, "nbf": due}, [begins], without(DEFERRED), return_document=ReturnDocument.AFTER
    )
    if claimed is None:
        return []
    show = instance(Goal, claimed, deferred=DEFERRED)
    commit_not_before(show.starts_at)
    return [show]


def _claim_many(startable: Document, *, now: datetime) -> list[Goal]:
    """Claim all, or raise SomeCanNotStart, because the answer doesn't say which of them were claimed."""
    begins = {"$set": {"active": True, "activated_at": now, "version": NEXT_VERSION}}
    claimed = collection("goals").update_many({**startable, "nbf": _due(now)}, [begins])
    if claimed.matched_count == 0:
        return []
    if claimed.matched_count != len(startable["_id"]["$in"]):
        raise SomeCanNotStart
    return find(Goal, {"_id": startable["_id"]}, deferred=DEFERRED)


def _give_time_back(late: list[Goal], *, now: datetime) -> None:
    """Set `context.started` of late shows to now, so that viewers do not lose time."""
    if not late:
        return
    began = {"context.started": whole_second_after(now), "context.started_by": "system"}
    collection("goals").update_many({"_id": {"$in": [show.pk for show in late]}}, {"$set": began})
    for show in late:
        show.context.started, show.context.started_by = began["context.started"], began["context.started_by"]
