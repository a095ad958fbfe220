"""Lists payers in a fixed order, from any place in that order, without loading `breakdown`.

The list has two parts: PAID has the viewers whose payments are stored, and LISTED has the viewers who are only in
`breakdown`. Each part is in the order of the viewers' ids. A place is a string: the digit of the part, followed by the
viewer's id.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, groupby, islice
from typing import Any

from bson import ObjectId

from mongodb.collections import Document, collection
from notifications.fanout.ledger import ID_BYTES, STATES, State, each_viewer
from notifications.models import CHUNKS, RECEIPTS
from notifications.payers.present import was_received
from showgoals.folds import CONTRIBUTIONS
from showgoals.queries import KEYS_AT_ONCE

PAID, LISTED = "0", "1"
PLACE = re.compile("[01][0-9a-f]{24}")
ID = "^[0-9a-f]{24}$"
CHUNKS_AT_ONCE = 4
COMPARED_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class Stretch:
    """The ids beyond a viewer's id in one direction. If `start` is empty, these are all ids.

    `is_closed` says whether the viewer's own id is included.
    """

    start: str = ""
    is_closed: bool = False
    is_backward: bool = False

    @property
    def sign(self) -> int:
        """Return the direction for a MongoDB sort."""
        return -1 if self.is_backward else 1

    def bounds(self, prefix: str = "") -> Document:
        """Return the MongoDB condition for strings that consist of the prefix and an id of the stretch."""
        if self.is_backward:
            return {"$lte" if self.is_closed else "$lt": f"{prefix}{self.start or 'g'}", "$gt": prefix}
        return {"$gte" if self.is_closed else "$gt": f"{prefix}{self.start}", "$lt": f"{prefix}g"}

    def has(self, viewer: str) -> bool:
        """Tell whether the viewer's id is in the stretch."""
        if not self.start or viewer == self.start:
            return not self.start or self.is_closed
        return viewer < self.start if self.is_backward else viewer > self.start


def places(funding_goal_id: str, place: str, *, is_closed: bool, is_backward: bool) -> Iterator[str]:
    """Yield the places of the payers beyond `place`, or of all payers if `place` is empty."""
    parts = [(PAID, _paid), (LISTED, _only_listed)]
    for part, viewers in reversed(parts) if is_backward else parts:
        starts_here = place[:1] == part
        if place and not starts_here and (part > place) == is_backward:
            continue
        stretch = Stretch(place[1:] if starts_here else "", is_closed, is_backward)
        yield from (f"{part}{viewer}" for viewer in viewers(funding_goal_id, stretch))


def unplanned(payers: Iterator[str], show_id: str, events: list[str], *, presets: int) -> Iterator[str]:
    """Yield the places of the payers for whom at least one of the events is not planned."""
    while batch := list(islice(payers, COMPARED_AT_ONCE)):
        viewers = {bytes.fromhex(place[1:]) for place in batch}
        held = Counter[bytes]()
        for chunk in chunks_around(show_id, events, [place[1:] for place in batch]):
            held.update(viewers.intersection(each_viewer(chunk["viewers"])))
        yield from (place for place in batch if held[bytes.fromhex(place[1:])] < presets)


def in_state(show_id: str, events: list[str], state: State, stretch: Stretch, *, limit: int) -> list[str]:
    """Return up to `limit` viewers with an event in this state, nearest first. Read only chunks with such a viewer."""
    letters = "".join(letter for letter, each in STATES.items() if each is state)
    far_end = {"first" if stretch.is_backward else "last": stretch.bounds()}
    wanted = {"goal_id": show_id, "event_id": {"$in": events}, "states": {"$regex": f"[{letters}]"}, **far_end}
    chunks = collection(CHUNKS).find(
        wanted, {"first": True, "viewers": True, "states": True}, batch_size=CHUNKS_AT_ONCE
    )
    found: list[str] = []
    for chunk in chunks.sort("first", 1):
        if not stretch.is_backward and len(found) == limit and chunk["first"] > found[-1]:
            break
        viewers = (
            chunk["viewers"][ID_BYTES * at.start() : ID_BYTES * at.end()].hex()
            for at in re.finditer(f"[{letters}]", chunk["states"])
        )
        theirs = {viewer for viewer in viewers if stretch.has(viewer)}
        found = sorted(theirs.union(found), reverse=stretch.is_backward)[:limit]
    return found


def received(show_id: str, events: list[str], stretch: Stretch) -> Iterator[str]:
    """Yield the viewers whose clients have confirmed one of the events."""
    theirs = {"_id": stretch.bounds(f"{show_id}:"), **was_received(events)}
    found = collection(RECEIPTS).find(theirs, {"_id": True}).sort("_id", stretch.sign)
    return (receipts["_id"].partition(":")[2] for receipts in found)


def chunks_around(show_id: str, events: list[str], viewers: list[str]) -> Iterator[Document]:
    """Yield those chunks of the events that may hold some of the viewers."""
    yield from collection(CHUNKS).find(
        {
            "goal_id": show_id,
            "first": {"$lte": max(viewers)},
            "last": {"$gte": min(viewers)},
            "event_id": {"$in": events},
        },
        {"preset": True, "first": True, "last": True, "viewers": True, "states": True},
    )


def _paid(funding_goal_id: str, stretch: Stretch) -> Iterator[str]:
    """Yield the viewers whose payments are stored. The query reads only an index."""
    paid = collection(CONTRIBUTIONS).find(
        {"funding_goal_id": funding_goal_id, "viewer_id": stretch.bounds()},
        {"_id": False, "viewer_id": True},
        sort=[("viewer_id", stretch.sign)],
        hint="payer",
        batch_size=KEYS_AT_ONCE,  # by default, MongoDB would send all keys after the first 101 in one batch
    )
    return (viewer for viewer, _payments in groupby(each["viewer_id"] for each in paid))


def _only_listed(funding_goal_id: str, stretch: Stretch) -> Iterator[str]:
    """Yield the viewers of `breakdown` who have no stored payment. MongoDB extracts the keys of `breakdown`."""
    keys: list[Any] = [
        {"$match": {"_id": ObjectId(funding_goal_id)}},
        {"$project": {"viewer": {"$objectToArray": "$breakdown"}}},
        {"$unwind": "$viewer"},
        {"$project": {"_id": False, "viewer": "$viewer.k"}},
        {"$match": {"viewer": {**stretch.bounds(), "$regex": ID}}},
        {"$sort": {"viewer": stretch.sign}},
    ]
    listed = (row["viewer"] for row in collection("goals").aggregate(keys, batchSize=KEYS_AT_ONCE))
    paid = chain(_paid(funding_goal_id, stretch), [""])
    next_paid = next(paid)
    for viewer in listed:
        while next_paid and (next_paid > viewer if stretch.is_backward else next_paid < viewer):
            next_paid = next(paid)
        if viewer != next_paid:
            yield viewer
