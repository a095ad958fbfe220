"""The work of every peer for a show: claim and announce it in one transaction, then call Pusher once.

The writes are the same as the product's: a conditional update of the goal, an update of the session's version, and
copies of the messages and timeline rows that the product writes for one show. `bench_announcement` has these documents.
"""

import json
import os
from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple

import pusher
from bson import ObjectId
from pymongo import MongoClient
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.write_concern import WriteConcern

Document = dict[str, Any]


class Telling(NamedTuple):
    """The streamer to tell, and the event's data as JSON. Both are text, which any queue can transport."""

    streamer_id: str
    data: str


def start_show(goal_id: str, nbf: float) -> Telling | None:
    """Start the show, and return what to tell its streamer.

    Return None if the show does not wait for its start at `nbf` (Unix seconds), for example because it has started
    already.
    """
    with _database().client.start_session() as session:
        goal: Document | None = session.with_transaction(
            lambda _session: _claim_and_announce(ObjectId(goal_id), datetime.fromtimestamp(nbf, tz=UTC), session),
            write_concern=WriteConcern("majority"),
        )
    return None if goal is None else _telling(goal)


def tell(streamer_id: str, data: str) -> None:
    """Send `goal.started` to the streamer's three channels, in one request."""
    channels = [f"private-stream@{streamer_id}", f"presence-stream@{streamer_id}", f"private-user@{streamer_id}"]
    _pusher().trigger(channels, "goal.started", data)


def _claim_and_announce(goal_id: ObjectId, nbf: datetime, session: ClientSession) -> Document | None:
    waiting = {"_cls": "ShowGoal", "activated_at": None, "exp": None, "cancelled_at": None, "nbf": nbf}
    started = {"$set": {"active": True, "nbf": nbf, "activated_at": datetime.now(UTC)}}
    database = _database()
    goal: Document | None = database["goals"].find_one_and_update(
        {"_id": goal_id, **waiting}, started, projection={"breakdown": False}, session=session
    )
    if goal is None:
        return None
    session_id = ObjectId(goal["conditions"]["session_id"])
    database["sessions"].update_one({"_id": session_id}, {"$inc": {"cache_version": 1}}, session=session)
    messages, rows = ([{**each, "_id": ObjectId()} for each in documents] for documents in _announcement())
    database["bench_messages"].insert_many(messages, session=session)
    database["goal_timeline"].insert_many([{**row, "goal_id": str(goal_id)} for row in rows], session=session)
    return goal


def _telling(goal: Document) -> Telling:
    data = {
        "goal_id": str(goal["_id"]),
        "type": "show",
        "session_id": goal["conditions"]["session_id"],
        "progress": goal["progress"],
        "levels": goal["levels"],
        "context": {key: value for key, value in goal["context"].items() if value is not None},
    }
    return Telling(goal["metadata"]["user_id"], json.dumps(data))


# Each process creates these objects when it first needs them, because they must not be created before a fork.


@cache
def _database() -> Database[Document]:
    client = MongoClient[Document](os.environ["MONGODB_URI"])
    return client[os.environ["MONGODB_NAME"]]


@cache
def _announcement() -> tuple[list[Document], list[Document]]:
    announcement = _database()["bench_announcement"].find_one()
    if announcement is None:
        raise LookupError("bench_announcement")
    return announcement["messages"], announcement["rows"]


@cache
def _pusher() -> Any:
    return pusher.Pusher(
        app_id=os.environ["PUSHER_APP_ID"],
        key=os.environ["PUSHER_KEY"],
        secret=os.environ["PUSHER_SECRET"],
        host=os.environ["PUSHER_HOST"],
        port=int(os.environ["PUSHER_PORT"]),
        ssl=False,
    )
