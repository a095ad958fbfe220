"""Puts events into an order in which a reader that pages by id misses no event.

An event can't get its place when it is stored, because transactions do not commit in the order in which they begin. A
reader that has read further would miss an event that took an early place and committed late. So places are given after
the commit, one publication after the other (docs/adr/0056-events.md).
"""

from typing import Any

from bson import ObjectId
from pymongo import ReturnDocument, UpdateOne
from pymongo.read_concern import ReadConcern

from config import clock
from mongodb.collections import Document, collection, connection, tolerant_collection
from mongodb.transactions import run_in_transaction
from webhooks.models import EVENTS, LAST_PLACES

PUBLISHED_AT_ONCE = 500
UNPUBLISHED = {"place": None}


def publish() -> int:
    """Give places to the committed events that have none. Return their number. Each batch is a transaction.

    Events that commit meanwhile may be left to the messages that their transactions have queued. Otherwise, a steady
    stream of new events would keep this function from ending, and no events would be sent.
    """
    total, is_more = 0, is_behind()
    while is_more:
        published = run_in_transaction(_publish_some)
        total, is_more = total + published, published == PUBLISHED_AT_ONCE
    return total


def is_behind() -> bool:
    """Tell whether an event has no place yet."""
    return tolerant_collection(EVENTS).find_one(UNPUBLISHED, {"_id": True}) is not None


def last_place() -> ObjectId:
    """Return the place of the event that was published last.

    Only what the majority of the servers has stored counts, because an election could roll back the rest.
    """
    places = connection.get_collection(LAST_PLACES, read_concern=ReadConcern("majority"))
    last = places.find_one({"_id": "events"}) or {"seconds": 0, "number": 0}
    return place_of(last["seconds"], last["number"])


def place_of(seconds: int, number: int) -> ObjectId:
    """Return the place with these seconds and this number. Places are ordered by seconds, then by numbers."""
    return ObjectId(f"{seconds:08x}{number:016x}")


def _publish_some() -> int:
    """Publish up to PUBLISHED_AT_ONCE events.

    Every publication first writes the same document. If two publications run at the same time, MongoDB aborts one of
    them. The aborted publication runs again and sees what the other has published. So a later place always commits
    later.
    """
    found = [event["_id"] for event in collection(EVENTS).find(UNPUBLISHED, {"_id": True}).limit(PUBLISHED_AT_ONCE)]
    if found:
        last = _move_last_place(len(found))
        first = last["number"] - len(found) + 1
        places = (place_of(last["seconds"], number) for number in range(first, first + len(found)))
        writes = [UpdateOne({"_id": pk}, {"$set": {"place": place}}) for pk, place in zip(found, places, strict=True)]
        collection(EVENTS).bulk_write(writes, ordered=False)
    return len(found)


def _move_last_place(count: int) -> Document:
    """Reserve this many numbers. Return the last number, and the seconds, which never decrease."""
    seconds = int(clock.timestamp())
    change: dict[str, Any] = {"$max": {"seconds": seconds}, "$inc": {"number": count}}
    moved: Document = collection(LAST_PLACES).find_one_and_update(
        {"_id": "events"}, change, upsert=True, return_document=ReturnDocument.AFTER
    )
    return moved
