"""The livestream feed: the newest live session of each streamer, with its newest goal.

Goals are read from MongoDB for each request.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from bson import ObjectId
from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.pagination import Cursor

from api.fields import ObjectIdField, UnixSecondsField
from api.pagination import NewestFirst
from api.serializers import AnswerSerializer
from config import clock
from goals.kinds import WIRE_TYPES
from goals.models import Goal
from goals.states import GoalStatus
from mongodb.collections import collection
from sessions_app.models import LivestreamFeedEntry, Session, SessionStatus

# A goal's id may be made this long after the goal's `created_at`, because a transaction is retried for up to 5 seconds.
IDS_ARE_LATE = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class FeedRow:
    """A live session and its newest goal. `goal` is None if the session has no goal yet."""

    session: Session
    goal: Goal | None


class OneOfEachStreamer(NewestFirst):
    """Pages of live sessions, with only the newest session of each streamer."""

    def read(self, source: QuerySet[Session], limit: int, *, is_backward: bool) -> list[Session]:
        """Return up to `limit` sessions beyond the cursor. Each is the newest live session of its streamer."""
        rows: list[Session] = []
        cursor = self.cursor
        while len(rows) < limit:
            found = self.rows_beyond(cursor, source, limit, is_backward=is_backward)
            newest = _newest_of_streamers({session.user_id for session in found})
            rows += [session for session in found if session.pk in newest]
            if len(found) < limit:
                break
            place: Any = self.place_of(found[-1])
            cursor = Cursor(offset=0, reverse=is_backward, position=place)
        return rows[:limit]


class FeedGoalSerializer(AnswerSerializer):
    """A goal in a row of the feed."""

    id = ObjectIdField(source="pk", read_only=True)
    type = serializers.ChoiceField(choices=WIRE_TYPES, source="wire_type", read_only=True)
    status = serializers.SerializerMethodField()
    nbf = UnixSecondsField(allow_null=True)
    started = serializers.SerializerMethodField()

    def get_started(self, goal: Goal) -> int | None:
        """Return when the show started, in Unix seconds, or None if it has not started."""
        return int(goal.begun_at.timestamp()) if goal.begun_at else None

    def get_status(self, goal: Goal) -> GoalStatus:
        """Return the goal's present status."""
        return goal.status(clock.now())


class FeedRowSerializer(AnswerSerializer):
    """A row of the feed."""

    session_id = ObjectIdField(source="session.pk", read_only=True)
    streamer_id = ObjectIdField(source="session.user_id", read_only=True)
    title = serializers.CharField(source="session.title", read_only=True)
    created_at = UnixSecondsField(source="session.created_at")
    goal: Any = FeedGoalSerializer(read_only=True, allow_null=True)


def feed_rows(sessions: Sequence[Session]) -> list[FeedRow]:
    """Return a row for each session, with its newest goal as it is now. This takes at most three queries."""
    newest = _newest_goals(sessions)
    goals = {goal.pk: goal for goal in Goal.objects.filter(pk__in=newest.values())} if newest else {}
    return [FeedRow(session, goals.get(newest.get(session.pk))) for session in sessions]


def _newest_of_streamers(streamers: Collection[ObjectId]) -> set[ObjectId]:
    """Return the id of each streamer's newest live session. The query uses the index `streamers_newest_by_status`."""
    live = {"user": {"$in": list(streamers)}, "status": SessionStatus.LIVE.value}
    newest_first = {"user": 1, "status": 1, "created_at": -1, "_id": -1}
    newest = {"_id": "$user", "newest": {"$first": "$_id"}}
    found = collection(Session._meta.db_table).aggregate(
        [{"$match": live}, {"$sort": newest_first}, {"$group": newest}]
    )
    return {row["newest"] for row in found}


def _newest_goals(sessions: Sequence[Session]) -> dict[Any, Any]:
    """Return the id of each session's newest goal, by the session's id. Sessions without a goal are left out.

    The goals are read from the session's feed entry and from its pairs, because a goal may be in a pair before
    `write_livestream_feed` has stored it in the entry.
    """
    known: dict[Any, list[Any]] = {session.pk: _paired_goals(session) for session in sessions}
    for entry in LivestreamFeedEntry.objects.order_by().filter(pk__in=known):
        known[entry.pk].append(ObjectId(entry.goal_id))
    of_any = [goal for goals in known.values() for goal in _latest(goals)]
    goals = Goal.objects.order_by().filter(pk__in=of_any).values_list("created_at", "pk") if of_any else ()
    places: dict[Any, Any] = {pk: (created_at, pk) for created_at, pk in goals}
    existing = {session_id: [places[goal] for goal in goals if goal in places] for session_id, goals in known.items()}
    return {session_id: max(found)[1] for session_id, found in existing.items() if found}


def _latest(goals: Collection[ObjectId]) -> list[ObjectId]:
    """Return the ids of those goals of a session that may have the newest `created_at`.

    An id contains the second in which it was made, which is at most IDS_ARE_LATE after the goal's `created_at`.
    """
    latest = max((goal.generation_time for goal in goals), default=None)
    return [goal for goal in goals if latest and goal.generation_time >= latest - IDS_ARE_LATE]


def _paired_goals(session: Session) -> list[ObjectId]:
    paired = [goal for pair in session.show_goal_pairs or () for goal in (pair.funding_goal, pair.show_goal)]
    return [goal for goal in paired if goal]
