"""The beginning of every evening: a session with a closed funding goal and one that is about to close.

The tests build this opening once, through the API. Copying it for an evening, with new ids, takes a few milliseconds.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import bson
import time_machine
from bson import ObjectId
from bson.codec_options import CodecOptions

from lab import bodies
from taskqueue.packages import PackageSerializer, pack, unpack
from tests.evenings.cast import Cast
from tests.evenings.worker import LEFT_OUT, Worker
from tests.factories.documents import connection, stored
from tests.factories.goals import SessionFactory
from tests.factories.moments import WHOLE

# The first funding goal closes at the opening, and the second one this many seconds later.
OPEN_SECONDS = 8
# A funding goal lapses if it has waited for a show for this many seconds.
HESITATION_SECONDS = 600
# Indexes of the viewers who have paid for both funding goals before the evening begins.
PAYERS = (0, 1)
BEGINS = WHOLE + timedelta(seconds=60)
COPIED = ("sessions", "goals", "contributions", "goal_timeline", "django_q_ormq")
# The collections that are emptied before an evening.
CLEARED = (*COPIED, "recordings", "notification_chunks", "notification_events", "exclusions", "events")

Document = dict[str, Any]


@dataclass(frozen=True)
class Opening:
    """The documents with which an evening begins, and its goals as the API returns them."""

    session_id: ObjectId
    goals: list[Document]
    documents: dict[str, list[Document]] = field(repr=False)

    def copy(self) -> "Opening":
        """Empty the collections, reactivate the users, and insert a copy with new ids. Return the copy."""
        for name in CLEARED:
            connection.database[name].delete_many({})
        connection.database["auth_user"].update_many({"is_active": False}, {"$set": {"is_active": True}})
        ids = {old: ObjectId() for old in (self.session_id, *(ObjectId(goal["id"]) for goal in self.goals))}
        documents = {name: [_renamed(each, ids) for each in self.documents[name]] for name in COPIED}
        for name, copies in documents.items():
            if copies:
                connection.database[name].insert_many(copies)
        return Opening(ids[self.session_id], [_renamed(goal, ids) for goal in self.goals], documents)


def make(cast: Cast) -> Opening:
    """Create the opening through the API and the worker."""
    with time_machine.travel(WHOLE, tick=False) as clock:
        session = SessionFactory(user=cast.streamer.user)
        ids = [_funding_goal(cast, str(session.pk), exp) for exp in (BEGINS, BEGINS + timedelta(seconds=OPEN_SECONDS))]
        for viewer in PAYERS:
            for goal_id in ids:
                path, key = f"/goals/{goal_id}/contributions", f"opening-{goal_id}"
                paid = cast.viewers[viewer].api.post(path, {"amount": 5}, idempotency_key=key)
                assert paid.status == 201, paid
        clock.move_to(BEGINS + timedelta(milliseconds=2))
        worker = Worker()
        worker.work()
        assert not worker.failed, worker.failed
        goals = cast.streamer.api.get("/goals", session_id=str(session.pk)).body["results"]
        goals.sort(key=lambda goal: ids.index(goal["id"]))
        connection.database["django_q_ormq"].delete_many({"name": {"$in": list(LEFT_OUT)}})
        return Opening(session.pk, goals, {name: stored(name) for name in COPIED})


def _funding_goal(cast: Cast, session_id: str, exp: datetime) -> str:
    context = {**bodies.FUNDING_CONTEXT, "session_id": session_id, "hesitation_countdown": HESITATION_SECONDS}
    body = {"levels": [{"title": "Tickets", "target": 1000}], "exp": int(exp.timestamp()), "context": context}
    made = cast.streamer.api.post("/goals?type=show-funding", body)
    assert made.status == 201, made
    goal_id: str = made.body["id"]
    return goal_id


def _renamed(document: Document, ids: dict[ObjectId, ObjectId]) -> Document:
    """Return the document with the new ids in place of the old ones, and with an `_id` of its own."""

    def rename(raw: bytes) -> bytes:
        for old, each in ids.items():
            raw = raw.replace(old.binary, each.binary).replace(str(old).encode(), str(each).encode())
        return raw

    payload = document.get("payload")
    if payload is not None:
        packages = PackageSerializer()
        document = {**document, "payload": pack(packages.loads(rename(packages.dumps(unpack(payload)))))}
    renamed: Document = bson.decode(rename(bson.encode(document)), CodecOptions(tz_aware=False))
    if "_id" in renamed and renamed["_id"] not in ids.values():
        renamed["_id"] = ObjectId()
    return renamed
