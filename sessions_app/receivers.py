"""What a session does when a show or a show funding goal is created, added, starts, or ends."""

from typing import Any

from bson import ObjectId
from pymongo import ReturnDocument

from goals.kinds import GoalKind
from goals.payloads import GoalAdded, GoalCreated, GoalEnded, GoalStarted
from goals.signals import announce, goal_added, goal_created, goal_ended, goal_started, receiver_for
from mongodb.transactions import collection, moment_of_writing
from sessions_app.errors import SessionEnded, SessionPairMissing
from sessions_app.models import SessionStatus
from sessions_app.recordings import request_recording
from sessions_app.tasks import start_record, stop_record, write_livestream_feed


@receiver_for(goal_created, GoalKind.SHOW, GoalKind.SHOW_FUNDING)
def bind_show_goals_to_session(payload: GoalCreated) -> None:
    """Put the goal on its session: a show into the pair of its funding goal, a funding goal as a new pair.

    Then `goal.added` is announced. Flow: goal.created -> bind_show_goals_to_session -> goal.added
    """
    session = _fill_pair(payload) if payload.kind == GoalKind.SHOW else _push_pair(payload)
    announce(
        goal_added,
        GoalAdded(
            goal_id=payload.goal_id,
            kind=payload.kind,
            conditions=payload.conditions,
            context=payload.context,
            metadata=payload.metadata,
            session_id=str(session["_id"]),
            streamer_id=str(session["user"]),
        ),
    )


@receiver_for(goal_added, GoalKind.SHOW, GoalKind.SHOW_FUNDING)
def generate_livestream_feed(payload: GoalAdded) -> None:
    """Have the feed show the session's newest goal.

    Flow: goal.added -> generate_livestream_feed
    """
    write_livestream_feed.enqueue(payload.goal_id, subject=payload.goal_id)


@receiver_for(goal_started, GoalKind.SHOW)
@receiver_for(goal_ended, GoalKind.SHOW)
def record_show_with_rtc(payload: GoalStarted | GoalEnded) -> None:
    """Have BytePlus record the show's room from its start to its end.

    Flow: goal.started -> record_show_with_rtc -> StartRecord
    """
    goal_id, session_id = payload.goal_id, payload.conditions["session_id"]
    if isinstance(payload, GoalEnded):
        stop_record.enqueue(goal_id, session_id, subject=goal_id)
        return
    streamer_id = payload.metadata["user_id"]
    request_recording(goal_id, session_id=session_id, streamer_id=streamer_id, now=moment_of_writing())
    start_record.enqueue(goal_id, session_id, streamer_id, subject=goal_id)


@receiver_for(goal_ended, GoalKind.SHOW, GoalKind.SHOW_FUNDING)
def set_embedded_goal_ended(payload: GoalEnded) -> None:
    """Mark the goal as ended in its pair on the session."""
    goal, ended = ("show_goal", "show_ended") if payload.kind == GoalKind.SHOW else ("funding_goal", "funding_ended")
    collection("sessions").update_one(
        {
            "_id": ObjectId(payload.conditions["session_id"]),
            "show_goal_pairs": {"$elemMatch": {goal: ObjectId(payload.goal_id)}},
        },
        {"$set": {f"show_goal_pairs.$.{ended}": True}},
    )


def _fill_pair(payload: GoalCreated) -> dict[str, Any]:
    """Set the show of the pair that has none yet. `$elemMatch`: a positional `$` needs one matched element."""
    funding_goal = ObjectId(payload.context["funding_goal_id"])
    pair = {"$elemMatch": {"funding_goal": funding_goal, "show_goal": None}}
    session = _update_session(
        payload,
        {"status": SessionStatus.LIVE.value, "show_goal_pairs": pair},
        {"$set": {"show_goal_pairs.$.show_goal": ObjectId(payload.goal_id)}},
    )
    if session is None:
        raise SessionPairMissing(session_id=payload.conditions["session_id"], funding_goal_id=str(funding_goal))
    return session


def _push_pair(payload: GoalCreated) -> dict[str, Any]:
    pair = {
        "funding_goal": ObjectId(payload.goal_id),
        "funding_ended": False,
        "show_goal": None,
        "show_ended": False,
    }
    session = _update_session(payload, {"status": SessionStatus.LIVE.value}, {"$push": {"show_goal_pairs": pair}})
    if session is None:
        raise SessionEnded(session_id=payload.conditions["session_id"])
    return session


def _update_session(payload: GoalCreated, condition: dict[str, Any], update: dict[str, Any]) -> dict[str, Any] | None:
    session: dict[str, Any] | None = collection("sessions").find_one_and_update(
        {"_id": ObjectId(payload.conditions["session_id"]), **condition},
        update,
        projection={"user": True},
        return_document=ReturnDocument.AFTER,
    )
    return session
