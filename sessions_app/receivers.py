"""Receivers that update a session, its feed entry and its recordings when a show or a funding goal changes."""

from typing import Any

from bson import ObjectId
from pymongo import ReturnDocument

from goals.kinds import GoalKind
from goals.payloads import GoalAdded, GoalCreated, GoalEnded, GoalStarted
from goals.signals import Deed, announce, goal_added, goal_created, goal_ended, goal_started, receiver_for
from mongodb.collections import collection
from mongodb.transactions import moment_of_writing
from sessions_app.cache_version import RAISED, cache_version_is_raised
from sessions_app.errors import SessionEnded, SessionPairMissing
from sessions_app.models import SessionStatus
from sessions_app.recordings.state import request_recording
from sessions_app.recordings.tasks import start_record, stop_record
from sessions_app.tasks import write_livestream_feed


@receiver_for(goal_created, GoalKind.SHOW)
def bind_show_goals_to_session(payload: GoalCreated) -> Deed:
    """Put the show into the pair of its funding goal, and announce `goal.added`.

    Flow: goal.created -> bind_show_goals_to_session -> goal.added
    """
    return _announce_added(payload, _fill_pair(payload))


@receiver_for(goal_created, GoalKind.SHOW_FUNDING)
def bind_show_funding_goals_to_session(payload: GoalCreated) -> Deed:
    """Add a pair with the funding goal to its session, and announce `goal.added`."""
    return _announce_added(payload, _push_pair(payload))


@receiver_for(goal_added, GoalKind.SHOW, GoalKind.SHOW_FUNDING)
def generate_livestream_feed(payload: GoalAdded) -> Deed:
    """Queue the task that makes the feed show the session's newest goal.

    Flow: goal.added -> generate_livestream_feed
    """
    write_livestream_feed.enqueue(payload.goal_id, subject=payload.goal_id)
    return Deed.FEED_REQUESTED


@receiver_for(goal_started, GoalKind.SHOW)
def record_show_with_rtc(payload: GoalStarted) -> Deed:
    """Insert the show's recording, and queue the task that makes BytePlus record the show's room.

    Flow: goal.started -> record_show_with_rtc -> StartRecord
    """
    goal_id, session_id = payload.goal_id, payload.conditions["session_id"]
    streamer_id = payload.metadata["user_id"]
    request_recording(goal_id, session_id=session_id, streamer_id=streamer_id, now=moment_of_writing())
    start_record.enqueue(goal_id, session_id, streamer_id, subject=goal_id)
    return Deed.RECORDING_REQUESTED


@receiver_for(goal_ended, GoalKind.SHOW)
def stop_recording_with_rtc(payload: GoalEnded) -> Deed:
    """Queue the task that makes BytePlus stop recording the show's room."""
    stop_record.enqueue(payload.goal_id, payload.conditions["session_id"], subject=payload.goal_id)
    return Deed.RECORDING_STOPPED


@receiver_for(goal_ended, GoalKind.SHOW)
def mark_show_ended(payload: GoalEnded) -> Deed:
    """Mark the show as ended in its pair on the session."""
    return _mark_ended(payload, goal="show_goal", ended="show_ended")


@receiver_for(goal_ended, GoalKind.SHOW_FUNDING)
def mark_funding_ended(payload: GoalEnded) -> Deed:
    """Mark the funding goal as ended in its pair on the session."""
    return _mark_ended(payload, goal="funding_goal", ended="funding_ended")


def _announce_added(payload: GoalCreated, session: dict[str, Any]) -> Deed:
    announce(
        goal_added,
        GoalAdded(
            goal_id=payload.goal_id,
            kind=payload.kind,
            version=payload.version,
            conditions=payload.conditions,
            context=payload.context,
            metadata=payload.metadata,
            session_id=str(session["_id"]),
            streamer_id=str(session["user"]),
            levels=payload.levels,
            nbf=payload.nbf,
        ),
    )
    return Deed.BOUND


def _mark_ended(payload: GoalEnded, *, goal: str, ended: str) -> Deed:
    collection("sessions").update_one(
        {
            "_id": ObjectId(payload.conditions["session_id"]),
            "show_goal_pairs": {"$elemMatch": {goal: ObjectId(payload.goal_id)}},
        },
        {"$set": {f"show_goal_pairs.$.{ended}": True}},
    )
    return Deed.MARKED_ENDED


def _fill_pair(payload: GoalCreated) -> dict[str, Any]:
    """Put the show into its funding goal's pair, and return the session.

    Raise SessionPairMissing if the session has ended, or has no such pair without a show. `$elemMatch` tells the
    positional `$` which element matched.
    """
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
    session_id = payload.conditions["session_id"]
    session: dict[str, Any] | None = collection("sessions").find_one_and_update(
        {"_id": ObjectId(session_id), **condition},
        update | RAISED,
        projection={"user": True},
        return_document=ReturnDocument.AFTER,
    )
    cache_version_is_raised(session_id)
    return session
