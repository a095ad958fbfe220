"""What became of `stream.authorized` and its like for each viewer of the last minutes, by the chunks' ledgers."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from prometheus_client.metrics_core import Metric

from mongodb.transactions import collection
from notifications.fanout.ledger import STATES, State
from notifications.models import CHUNKS
from ops.metrics.families import gauge, gauges

# As long as a task is tried.
RECENTLY = timedelta(minutes=15)
NEWEST_CHUNKS = 1000


def deliveries(now: datetime) -> Iterator[Metric]:
    """Yield the viewers by state, and the age of the oldest chunk that is not sent to all of its viewers."""
    planned = {"planned_at": {"$gte": now - RECENTLY}}
    letters: dict[str, int] = next(collection(CHUNKS).aggregate(_letters(planned)), {})
    found: dict[str, float] = dict.fromkeys((state.value for state in State), 0)
    for letter, state in STATES.items():
        found[state.value] += letters.get(letter, 0)
    yield gauges("deliveries", "Viewers of events planned in the last 15 minutes.", "state", found)
    unsent = collection(CHUNKS).find_one(planned | {"sent_at": None}, {"planned_at": True}, sort=[("planned_at", 1)])
    seconds = (now - unsent["planned_at"].replace(tzinfo=UTC)).total_seconds() if unsent else 0.0
    yield gauge("oldest_unsent_seconds", "Age of the oldest of them that is not sent to everybody.", seconds)


def _letters(planned: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the pipeline: `{states: "ssp"}, {states: "s"}` -> `{s: 3, p: 1, u: 0, f: 0, r: 0}`."""
    return [
        {"$match": planned},
        {"$sort": {"planned_at": -1}},
        {"$limit": NEWEST_CHUNKS},
        {"$group": {"_id": None} | {letter: {"$sum": _occurrences(letter)} for letter in STATES}},
    ]


def _occurrences(letter: str) -> dict[str, Any]:
    return {"$subtract": [{"$size": {"$split": ["$states", letter]}}, 1]}
