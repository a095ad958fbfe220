"""Reads from the ledger (notifications/fanout/ledger.py) what became of each viewer's events."""

from collections.abc import Iterator, Sequence

from mongodb.collections import collection
from notifications.channels import viewer_channel
from notifications.fanout.ledger import STATES, Ledger, State
from notifications.models import CHUNKS

# A viewer's channel and the event's id.
Told = tuple[str, str]


def ledger_entries(goal_ids: Sequence[str], *states: State) -> Iterator[Told]:
    """Yield the channel and the event_id of each viewer's event that is in one of these states."""
    for chunk in collection(CHUNKS).find({"goal_id": {"$in": goal_ids}}, {"payload": False}):
        ledger = Ledger(chunk["viewers"], chunk["states"], chunk["marked_in"])
        for position, letter in enumerate(ledger.states):
            if STATES[letter] in states:
                channel = viewer_channel(chunk["streamer_id"], chunk["preset"], ledger.viewer(position))
                yield channel, chunk["event_id"]
