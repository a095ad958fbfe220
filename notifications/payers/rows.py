"""Reads what is known about some payers. The number of queries is the same for one payer and for a page of payers."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bson import ObjectId
from django.contrib.auth.models import User

from mongodb.collections import Document, collection
from notifications.events import PREVIEW, SD
from notifications.fanout.ledger import Ledger, State
from notifications.payers.order import chunks_around
from notifications.receipts import Received, receipts_of
from showgoals.credential_fetches import FETCHES
from showgoals.folds import CONTRIBUTIONS

USERS = User._meta.db_table


@dataclass(frozen=True, slots=True, kw_only=True)
class Payer:
    """A row of the list. `payments` is 0 if the payer is only in `breakdown`, which stores only the sum.

    `preview` and `sd` are the states of the present events, or None for an event that is not planned.
    """

    place: str
    viewer_id: str
    username: str | None
    amount: int
    payments: int
    first_paid_at: datetime | None
    last_paid_at: datetime | None
    preview: State | None
    sd: State | None
    received_at: datetime | None
    credentials_fetched_at: datetime | None


def payers_at(places: Sequence[str], *, funding_goal_id: str, show_id: str, events: dict[str, str]) -> list[Payer]:
    """Return the payers at these places. A viewer who has not paid is left out."""
    viewers = [place[1:] for place in places]
    if not viewers:
        return []
    names, paid = _names(viewers), _paid(funding_goal_id, viewers)
    states = _states(show_id, list(events.values()), viewers)
    received, fetched = receipts_of(show_id, viewers), _fetched(show_id, viewers)
    return [
        Payer(
            place=place,
            viewer_id=viewer,
            username=names.get(viewer),
            preview=states[viewer].get(PREVIEW),
            sd=states[viewer].get(SD),
            received_at=_received_at(received.get(viewer, {}), events.values()),
            credentials_fetched_at=fetched.get(viewer),
            **paid[viewer],
        )
        for place, viewer in zip(places, viewers, strict=True)
        if viewer in paid
    ]


def _names(viewers: list[str]) -> dict[str, str]:
    people = collection(USERS).find({"_id": {"$in": [ObjectId(viewer) for viewer in viewers]}}, {"username": True})
    return {str(person["_id"]): person["username"] for person in people}


def _paid(funding_goal_id: str, viewers: list[str]) -> dict[str, Document]:
    """Return the sum, number and times of each viewer's payments, by viewer.

    For a viewer who is only in `breakdown`, only the sum is known.
    """
    pipeline = [
        {"$match": {"funding_goal_id": funding_goal_id, "viewer_id": {"$in": viewers}}},
        {
            "$group": {
                "_id": "$viewer_id",
                "amount": {"$sum": "$amount"},
                "payments": {"$sum": 1},
                "first_paid_at": {"$min": "$created_at"},
                "last_paid_at": {"$max": "$created_at"},
            }
        },
    ]
    paid = {found.pop("_id"): found for found in collection(CONTRIBUTIONS).aggregate(pipeline, hint="payer")}
    if lacking := [viewer for viewer in viewers if viewer not in paid]:
        listed = {f"breakdown.{viewer}": True for viewer in lacking}
        goal = collection("goals").find_one({"_id": ObjectId(funding_goal_id)}, listed) or {}
        unknown: dict[str, Any] = {"payments": 0, "first_paid_at": None, "last_paid_at": None}
        entries = (goal.get("breakdown") or {}).items()
        paid |= {viewer: {"amount": entry.get("amount", 0), **unknown} for viewer, entry in entries}
    return paid


def _states(show_id: str, events: list[str], viewers: list[str]) -> dict[str, dict[str, State]]:
    """Return the states of the events by viewer and preset."""
    states: dict[str, dict[str, State]] = defaultdict(dict)
    for chunk in chunks_around(show_id, events, viewers) if events else ():
        ledger = Ledger(chunk["viewers"], chunk["states"], bytes(len(chunk["states"])))
        for viewer in viewers:
            if chunk["first"] <= viewer <= chunk["last"] and (entry := ledger.entry(viewer)):
                states[viewer][chunk["preset"]] = entry.state
    return states


def _received_at(received: Received, events: Iterable[str]) -> datetime | None:
    """Return when the client first confirmed one of the events, or None if it has confirmed none of them."""
    confirmed = [received[event] for event in events if event in received]
    return datetime.fromtimestamp(min(confirmed) / 1000, tz=UTC) if confirmed else None


def _fetched(show_id: str, viewers: list[str]) -> dict[str, datetime]:
    """Return when each viewer last fetched the show's credentials."""
    ids = [f"{show_id}:{viewer}" for viewer in viewers]
    found = collection(FETCHES).find({"_id": {"$in": ids}}, {"last_at": True})
    return {each["_id"].partition(":")[2]: each["last_at"] for each in found}
