"""The receiver that stores each announcement as an event."""

from bson import ObjectId

from goals.kinds import GoalKind
from goals.payloads import GoalPayload
from goals.signals import (
    Deed,
    goal_added,
    goal_cancelled,
    goal_created,
    goal_ended,
    goal_lapsed,
    goal_progressed,
    goal_started,
    goal_updated,
    receiver_for,
    settlement_decided,
)
from mongodb.transactions import collect_at_commit, insert_at_commit, moment_of_writing
from sessions_app.recordings.signals import recording_failed, recording_started, recording_stopped, recording_verified
from webhooks.event_data import type_and_data
from webhooks.models import EVENTS
from webhooks.tasks import publish_events


@receiver_for(goal_created, *GoalKind)
@receiver_for(goal_added, *GoalKind)
@receiver_for(goal_started, *GoalKind)
@receiver_for(goal_updated, *GoalKind)
@receiver_for(goal_cancelled, *GoalKind)
@receiver_for(goal_progressed, *GoalKind)
@receiver_for(goal_ended, *GoalKind)
@receiver_for(goal_lapsed, *GoalKind)
@receiver_for(settlement_decided, *GoalKind)
@receiver_for(recording_started, *GoalKind)
@receiver_for(recording_stopped, *GoalKind)
@receiver_for(recording_verified, *GoalKind)
@receiver_for(recording_failed, *GoalKind)
def store_event(payload: GoalPayload) -> Deed:
    """Insert the announcement as an event when the open transaction commits.

    One publication is queued for all events of a transaction.
    """
    name, data = type_and_data(payload)
    event = {"_id": ObjectId(), "place": None, "type": name, "created_at": moment_of_writing()}
    insert_at_commit(EVENTS, {**event, "goal_id": payload.goal_id, "version": payload.version, "data": data})
    collect_at_commit(_queue_publication, None)
    return Deed.EVENT_STORED


def _queue_publication(_once: list[None]) -> None:
    publish_events.enqueue()
