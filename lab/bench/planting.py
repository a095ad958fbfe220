"""Inserts shows that wait for their start, in bulk. The documents are those that `create_show_goal` leaves behind.

Only the start of a show is queued. The other messages of its creation would be processed long before the start.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from bson import ObjectId
from pymongo import UpdateOne

from goals.kinds import GoalKind
from goals.models import Conditions, Context, Goal, Level, Metadata
from goals.tasks import activate_goal
from lab.bodies import TICKET
from lab.seed import TICKET_PRICE, Person, SeededShow, seed_shows
from mongodb.collections import collection
from mongodb.transactions import run_in_transaction
from sessions_app.models import Session
from showgoals.models import ShowGoal

GOALS, SESSIONS = (model._meta.db_table for model in (Goal, Session))
# Shows last longer than a benchmark takes, because their ends would be additional work.
SHOW_SECONDS = 4 * 3600
FUTURE = timedelta(days=30)
AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class PlantedShow:
    """A show that waits for its start."""

    goal_id: str
    streamer_id: str
    nbf: datetime


def plant(moments: Iterable[datetime], *, viewers: int = 1) -> list[PlantedShow]:
    """Insert a show for each nbf, with a streamer, a session and a paid funding goal of its own.

    The API accepts only whole seconds. Here an nbf may have milliseconds, because the code only compares moments.
    """
    moments, now = list(moments), datetime.now(UTC)
    seeded = list(seed_shows(len(moments), viewers=viewers, now=now))
    shows = [_show(each, nbf, now) for each, nbf in zip(seeded, moments, strict=True)]
    ShowGoal.objects.bulk_create(shows)
    _link(shows)
    return [PlantedShow(str(show.pk), show.metadata.user_id, nbf) for show, nbf in zip(shows, moments, strict=True)]


def queue_starts(shows: Sequence[PlantedShow]) -> None:
    """Enqueue the tasks that start the shows."""
    for first in range(0, len(shows), AT_ONCE):
        run_in_transaction(partial(_enqueue, shows[first : first + AT_ONCE]))


def bring_forward(shows: Sequence[PlantedShow], seconds: int) -> list[PlantedShow]:
    """Let the shows start this many seconds earlier.

    Shows are inserted with an nbf far ahead. Otherwise, they might be overdue before all of them are inserted and
    queued, and the reconciler would start them.
    """
    earlier = [{"$set": {"nbf": {"$subtract": ["$nbf", seconds * 1000]}}}]
    collection(GOALS).update_many({"_id": {"$in": [ObjectId(show.goal_id) for show in shows]}}, earlier)
    return [replace(show, nbf=show.nbf - timedelta(seconds=seconds)) for show in shows]


def plant_audience(nbf: datetime, *, viewers: int) -> PlantedShow:
    """Insert a show with a very large audience.

    The payers are only in `breakdown`, because a fan-out reads nothing else about them.
    """
    (show,) = plant([nbf], viewers=0)
    breakdown = {str(ObjectId()): {"amount": TICKET_PRICE} for _ in range(viewers)}
    collection(GOALS).update_one(
        {"context.show_goal_id": show.goal_id}, {"$set": {"breakdown": breakdown, "payers": viewers}}
    )
    return show


def plant_future(count: int) -> None:
    """Insert shows that start in a month or later, and queue their starts. They have no sessions or funding goals."""
    now = datetime.now(UTC)
    for first in range(0, count, AT_ONCE):
        batch = [now + FUTURE + timedelta(seconds=second) for second in range(first, min(first + AT_ONCE, count))]
        shows = [_show(_without_documents(), nbf, now) for nbf in batch]
        ShowGoal.objects.bulk_create(shows)
        queue_starts([PlantedShow(str(show.pk), "", nbf) for show, nbf in zip(shows, batch, strict=True)])


def _show(seeded: SeededShow, nbf: datetime, now: datetime) -> ShowGoal:
    return ShowGoal(
        pk=str(ObjectId()),
        kind=GoalKind.SHOW,
        nbf=nbf,
        conditions=Conditions(session_id=seeded.session_id),
        levels=[Level(title="Proceed", target=SHOW_SECONDS)],
        context=Context(
            type=GoalKind.SHOW.wire_type,
            session_id=seeded.session_id,
            funding_goal_id=seeded.funding_goal_id,
            **TICKET,
        ),
        metadata=Metadata(user_id=seeded.streamer.id),
        created_at=now,
    )


def _link(shows: Sequence[ShowGoal]) -> None:
    """Store each show's id in its funding goal and in its session."""
    linked: list[Any] = [
        UpdateOne({"_id": ObjectId(show.context.funding_goal_id)}, {"$set": {"context.show_goal_id": str(show.pk)}})
        for show in shows
    ]
    collection(GOALS).bulk_write(linked)
    paired: list[Any] = [
        UpdateOne(
            {"_id": ObjectId(show.conditions.session_id)},
            {"$set": {"show_goal_pairs.0.show_goal": ObjectId(show.pk)}, "$inc": {"cache_version": 1}},
        )
        for show in shows
    ]
    collection(SESSIONS).bulk_write(paired)


def _enqueue(shows: Sequence[PlantedShow]) -> None:
    for show in shows:
        activate_goal.enqueue(show.goal_id, int(show.nbf.timestamp()), at=show.nbf, subject=show.goal_id)


def _without_documents() -> SeededShow:
    streamer, session, funding_goal = (str(ObjectId()) for _ in range(3))
    return SeededShow(Person(streamer, ""), session, funding_goal, [])
