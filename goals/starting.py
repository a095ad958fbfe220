"""Starts shows, up to a hundred in one transaction, so that a thousand starts in a second need few writes.

A start is claimed and announced in one transaction (docs/adr/0004-claim-and-announce.md). So each show is started and
announced exactly once, even if a worker dies.
"""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from bson import ObjectId
from pymongo.errors import OperationFailure

from config import clock
from config.errors import ProductError
from goals.access import whole_second_after
from goals.cancelling import oldest_startable
from goals.ending import schedule_end
from goals.lateness import note_lateness
from goals.models import DEFERRED, Goal, starting_kinds
from goals.payloads import GoalStarted
from goals.signals import announce, goal_started
from goals.states import NOT_HELD, SCHEDULED
from goals.suspects import suspects
from goals.versions import NEXT_VERSION
from mongodb.collections import Document, collection
from mongodb.documents import find
from mongodb.failures import is_write_conflict
from mongodb.transactions import commit_not_before, run_in_transaction
from taskqueue.broker import CLAIM_AHEAD
from taskqueue.calls import Call

logger = logging.getLogger(__name__)

BATCH = 100
GOALS_A_LOOK = 1000
# If a show starts late by more than this, viewers get the lost time back (`context.started`).
LATE_AFTER = timedelta(seconds=1)


class TakenByAnother(ProductError):
    """Another transaction is writing one of these shows.

    This is a ProductError so that the transaction isn't tried again.
    """

    code = "taken_by_another"


class SomeCanNotStart(ProductError):
    """Some shows of the batch can't start, because they have been started, cancelled or moved meanwhile."""

    code = "some_can_not_start"


def start_goals(calls: Mapping[ObjectId, Call], *, now: datetime) -> list[ObjectId]:
    """Claim the goals that can start, and announce each, in one transaction. Return their ids.

    `calls` maps the ids of goals to the calls that ask for their start. The transaction deletes the messages of these
    calls. If a goal is due within CLAIM_AHEAD, the commit waits until the goal is due. Each attempt reads the clock
    again, so viewers get back the seconds that retries take. Raises TakenByAnother if another transaction is writing
    one of the goals, for example because a streamer moves the show.

    Flow: activate_goal -> "Fetch ShowGoal and modify", then goal.started
    """
    if not calls:
        return []
    try:
        return run_in_transaction(lambda: _claim_and_announce(calls, now=max(now, clock.now())))
    except SomeCanNotStart:
        # With the earlier `now`, a show that has been missed meanwhile would stay startable for ever.
        now = max(now, clock.now())
        return start_goals({goal_id: calls[goal_id] for goal_id in startable(list(calls), now=now)}, now=now)


def start_unless_taken(calls: Mapping[ObjectId, Call], *, now: datetime) -> tuple[list[ObjectId], list[ObjectId]]:
    """Start the goals that no other transaction is writing.

    Return the ids of the started goals, and the ids of the goals that another transaction is writing. A batch with such
    a goal is split in half, and each half is tried again.
    """
    try:
        return start_goals(calls, now=now), []
    except TakenByAnother:
        if len(calls) == 1:
            return [], list(calls)
    each, half = list(calls.items()), len(calls) // 2
    (started, taken), (also_started, also_taken) = (
        start_unless_taken(dict(part), now=now) for part in (each[:half], each[half:])
    )
    return started + also_started, taken + also_taken


def overdue(*, before: datetime, now: datetime) -> list[ObjectId]:
    """Return the ids of goals that should have started by `before` and have not, at most GOALS_A_LOOK of each kind.

    Goals that were missed are left out.
    """
    alone = {"nbf": {"$gte": oldest_startable(now), "$lte": before}, "_id": {"$nin": list(suspects.now())}, **NOT_HELD}
    goals = collection("goals")
    found = [goals.find({**SCHEDULED.condition(kind), **alone}, {"_id": True}) for kind in starting_kinds()]
    return [goal["_id"] for late in found for goal in late.sort("nbf", 1).limit(GOALS_A_LOOK)]


def startable(goal_ids: Sequence[ObjectId], *, now: datetime) -> list[ObjectId]:
    """Return the ids of those goals that can start now or within CLAIM_AHEAD."""
    return [goal["_id"] for goal in collection("goals").find(_startable(goal_ids, now), {"_id": True})]


def _startable(goal_ids: Sequence[ObjectId], now: datetime) -> Document:
    due = {"$gte": oldest_startable(now), "$lte": now + CLAIM_AHEAD}
    return {**SCHEDULED.condition(*starting_kinds()), "_id": {"$in": list(goal_ids)}, "nbf": due, **NOT_HELD}


def _claim_and_announce(calls: Mapping[ObjectId, Call], *, now: datetime) -> list[ObjectId]:
    shows = _claim(list(calls), now=now)
    _give_time_back([show for show in shows if max(show.starts_at, show.created_at) < now - LATE_AFTER], now=now)
    for show in shows:
        commit_not_before(show.starts_at)
    for show in shows:
        call = calls[ObjectId(show.pk)]
        with call.for_its_request():
            schedule_end(str(show.pk), show.ends_at)
            announce(goal_started, GoalStarted.of(show))
        call.delete_at_commit()
    return [ObjectId(show.pk) for show in shows]


def _claim(goal_ids: Sequence[ObjectId], *, now: datetime) -> list[Goal]:
    """Claim all the goals, and return them. The claim is the first write, so a collision wastes little work.

    Return an empty list if none can start. Raise SomeCanNotStart if only some can, because MongoDB's result doesn't say
    which goals were claimed. Raise TakenByAnother if another transaction is writing one of the goals.
    """
    begins = {"$set": {"active": True, "activated_at": {"$max": ["$nbf", now]}, "version": NEXT_VERSION}}
    try:
        claimed = collection("goals").update_many(_startable(goal_ids, now), [begins])
    except OperationFailure as error:
        if not is_write_conflict(error):
            raise
        raise TakenByAnother from error
    if claimed.matched_count == 0:
        return []
    if claimed.matched_count != len(goal_ids):
        raise SomeCanNotStart
    return find(Goal, {"_id": {"$in": list(goal_ids)}}, deferred=DEFERRED)


def _give_time_back(late: list[Goal], *, now: datetime) -> None:
    """Set `context.started` of late shows to now, so that viewers do not lose time, and note why the shows are late."""
    if not late:
        return
    began = {"context.started": whole_second_after(now), "context.started_by": "system"}
    collection("goals").update_many({"_id": {"$in": [show.pk for show in late]}}, {"$set": began})
    for show in late:
        show.context.started, show.context.started_by = began["context.started"], began["context.started_by"]
    note_lateness(late, now=now)
