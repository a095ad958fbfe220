"""The sweep: shows that are due start in batches, so that a thousand at the same second are a few writes.

Claim and announcement are one transaction (docs/adr/0004-claim-and-announce.md): whoever dies in between,
each show is started, and announced, exactly once.
"""

import logging
import random
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from bson import ObjectId

from config.errors import Unavailable
from config.transactions import collection, run_in_transaction
from goals.access import whole_second_after
from goals.ending import schedule_end
from goals.kinds import GoalKind
from goals.models import Goal
from goals.payloads import GoalStarted
from goals.signals import announce, goal_started

logger = logging.getLogger(__name__)

BATCH = 100
LOOK_AHEAD = 1000
# A start later than this is an outage: viewers get their time back (`context.started`).
LATE_AFTER = timedelta(seconds=1)
# A show that failed to start is left to its own message for this long: one bad show must not slow down the rest.
SUSPECT_SECONDS = 60.0

# What a show is before it starts; the index `startable` holds the shows that have not.
NOT_STARTED: dict[str, Any] = {"activated_at": None, "exp": None, "cancelled_at": None}
STARTABLE: dict[str, Any] = {"_cls": GoalKind.SHOW.value, **NOT_STARTED}

_suspects: dict[ObjectId, float] = {}


def start_due_goals(*, now: datetime) -> list[str]:
    """Start every show whose nbf has come, a batch a transaction. Returns the ids of those that this call started.

    Several may run at once, in any process: each show is won by one of them.
    """
    started: list[str] = []
    while due := _due(now):
        batch = _pick(due)
        try:
            started += start_goals(batch, now=now)
        except Unavailable:
            raise
        except Exception:
            logger.exception("batch failed, its shows start one by one shows=%s", len(batch))
            started += _start_one_by_one(batch, now=now)
    return started


def start_goals(goal_ids: Sequence[ObjectId], *, now: datetime) -> list[str]:
    """Claim those of the shows that can start, and announce each, in one transaction. Returns their ids.

    Each attempt reads the clock again, for retries may take seconds: viewers get them back.
    Flow: activate_goal -> "Fetch ShowGoal and modify", then goal.started
    """
    return run_in_transaction(lambda: _claim_and_announce(goal_ids, now=max(now, datetime.now(UTC))))


def overdue(*, before: datetime) -> int:
    """Count the shows that should have started before the moment and have not."""
    return int(collection("goals").count_documents({**STARTABLE, "nbf": {"$lte": before}}))


def _due(now: datetime) -> list[ObjectId]:
    tick = time.monotonic()
    suspects = [goal_id for goal_id, until in _suspects.items() if until > tick]
    condition = {**STARTABLE, "nbf": {"$lte": now}, "_id": {"$nin": suspects}}
    return [goal["_id"] for goal in collection("goals").find(condition, {"_id": True}).sort("nbf", 1).limit(LOOK_AHEAD)]


def _pick(due: list[ObjectId]) -> list[ObjectId]:
    """Return one batch: not the same as other sweepers' where there is a choice, for they would conflict."""
    start = random.randrange(0, len(due), BATCH)  # noqa: S311 - spreads load, no secret
    return due[start : start + BATCH]


def _start_one_by_one(batch: list[ObjectId], *, now: datetime) -> list[str]:
    started: list[str] = []
    for goal_id in batch:
        try:
            started += start_goals([goal_id], now=now)
        except Unavailable:
            raise
        except Exception:
            logger.exception("show can't start goal=%s", goal_id)
            _suspects[goal_id] = time.monotonic() + SUSPECT_SECONDS
    return started


def _claim_and_announce(goal_ids: Sequence[ObjectId], *, now: datetime) -> list[str]:
    shows = list(Goal.objects.filter(pk__in=goal_ids, kind=GoalKind.SHOW, nbf__lte=now, **NOT_STARTED))
    late = [show for show in shows if max(show.window[0], show.created_at) < now - LATE_AFTER]
    _claim(shows, {"active": True, "activated_at": now})
    if late:
        whole_second = whole_second_after(now)
        collection("goals").update_many(
            {"_id": {"$in": [show.pk for show in late]}},
            {"$set": {"context.started": whole_second, "context.started_by": "system"}},
        )
        for show in late:
            show.context.started, show.context.started_by = whole_second, "system"
    for show in shows:
        schedule_end(str(show.pk), show.kind, show.access_exp)
        announce(goal_started, GoalStarted.of(show, progress=show.progress, levels=show.levels_data()))
    return [str(show.pk) for show in shows]


def _claim(shows: list[Goal], changes: dict[str, Any]) -> None:
    """Update the shows that this transaction has read as startable; a write conflict runs the block again."""
    if not shows:
        return
    claimed = collection("goals").update_many(
        {"_id": {"$in": [show.pk for show in shows]}, **STARTABLE}, {"$set": changes}
    )
    if claimed.matched_count != len(shows):
        raise AssertionError("a snapshot changed under its transaction")
