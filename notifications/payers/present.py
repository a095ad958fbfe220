"""Finds the events of a show's present access, one `stream.authorized` for each preset, and counts their viewers.

If the access has moved, there are also older events, which no longer count.
"""

from typing import Any

from bson import ObjectId

from goals.models import Goal
from mongodb.collections import Document, collection
from notifications.events import PREVIEW, SD, STREAM_AUTHORIZED
from notifications.fanout.ledger import STATES, State
from notifications.models import CHUNKS, RECEIPTS
from showgoals.credential_fetches import FETCHES
from showgoals.exclusions import funding_goal_of
from showgoals.folds import VIEWERS

COUNTED = (State.PLANNED, State.SENT, State.UNKNOWN, State.FAILED, State.EXPIRED)


def show_of(goal: Goal) -> str:
    """Return the id of the goal's show, or the goal's own id if the goal has no show."""
    return goal.context.show_goal_id or str(goal.pk)


def present_events(show_id: str) -> dict[str, str]:
    """Return the ids of the present events by preset. A preset whose event is not planned yet is left out."""
    return {preset: event["_id"] for preset, event in _present(show_id, {}).items()}


def deliveries(goal: Goal) -> dict[str, Any]:
    """Count the viewers who have paid, were told, have confirmed an event, or have fetched credentials.

    This takes two queries. The result has this form:
    {viewers, preview: {planned, sent, unknown, failed, expired}, sd: {...}, received, credentials_fetched}
    """
    show_id = show_of(goal)
    letters = {letter: {"$sum": _count(letter)} for letter in STATES}
    events = _present(show_id, letters)
    totals = _totals(show_id, funding_goal_of(goal), [event["_id"] for event in events.values()])
    return {
        "viewers": totals.get("viewers", 0),
        **{preset: _by_state(events.get(preset, {})) for preset in (PREVIEW, SD)},
        "received": totals.get("received", 0),
        "credentials_fetched": totals.get("fetched", 0),
    }


def was_received(events: list[str]) -> Document:
    """Return the condition for receipts of at least one of the events."""
    return {"$or": [{f"received.{event}": {"$exists": True}} for event in events]}


def _present(show_id: str, counts: Document) -> dict[str, Document]:
    """Return the newest event of each preset, unless the other preset has an event of a higher version."""
    pipeline = [
        {"$match": {"goal_id": show_id, "name": STREAM_AUTHORIZED}},
        {
            "$group": {
                "_id": "$event_id",
                "preset": {"$first": "$preset"},
                # Events that an earlier release has planned have no version.
                "version": {"$max": {"$ifNull": ["$payload.version", 0]}},
                "planned_at": {"$max": "$planned_at"},
                **counts,
            }
        },
        {"$sort": {"version": 1, "planned_at": 1}},
    ]
    events = list(collection(CHUNKS).aggregate(pipeline))
    return {event["preset"]: event for event in events if event["version"] == events[-1]["version"]}


def _count(letter: str) -> Document:
    """Return the expression that counts a letter in the states of a chunk."""
    others = {"$replaceAll": {"input": "$states", "find": letter, "replacement": ""}}
    return {"$subtract": [{"$strLenBytes": "$states"}, {"$strLenBytes": others}]}


def _by_state(event: Document) -> dict[str, int]:
    """Return the numbers of an event's viewers by state.

    Excluded viewers and superseded events are not counted.
    """
    return {
        state.value: sum(event.get(letter, 0) for letter, each in STATES.items() if each is state) for state in COUNTED
    }


def _totals(show_id: str, funding_goal_id: str, events: list[str]) -> dict[str, int]:
    """Count payers, those who have fetched credentials, and those whose clients have confirmed one of the events."""
    theirs = {"_id": {"$gt": f"{show_id}:", "$lt": f"{show_id};"}}
    pipeline = [
        {"$match": {"_id": ObjectId(funding_goal_id)}},
        {"$project": {"_id": "viewers", "count": {"$ifNull": ["$payers", VIEWERS]}}},
        _counted("fetched", FETCHES, theirs),
        *([_counted("received", RECEIPTS, theirs | was_received(events))] if events else []),
    ]
    return {found["_id"]: found["count"] for found in collection("goals").aggregate(pipeline)}


def _counted(name: str, of: str, condition: Document) -> Document:
    """Return the stage that adds a row with the number of documents in another collection that meet the condition."""
    return {
        "$unionWith": {
            "coll": of,
            "pipeline": [{"$match": condition}, {"$count": "count"}, {"$set": {"_id": name}}],
        }
    }
