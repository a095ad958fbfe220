"""What can be known when the storm is over: documents by goal, what the vendors' stand-ins heard, what still runs."""

import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

from pymongo.database import Database

from goals.models import TimelineEntry, TimelineKind
from lab.bench.chaos.clients import Clients, Created
from lab.demo.stage import Stage
from taskqueue.messages import MESSAGES
from taskqueue.periodic import periodic_names

Documents = dict[str, dict[str, Any]]
# (event, goal, channel) -> the event_ids that arrived, one for each time.
Heard = dict[tuple[str, str, str], list[str]]


@dataclass(frozen=True)
class Evidence:
    """Everything there is to judge by; ids are strings."""

    created: list[Created]
    refused: list[str]
    unanswered: int
    goals: Documents
    sessions: Documents
    signals: Counter[tuple[str, str]]  # (goal, signal)
    tracked: Counter[tuple[str, str]]  # (goal, event)
    heard: Heard
    recorded: Counter[str]  # by TaskId
    refused_by_vendors: list[str]
    messages: list[dict[str, Any]]
    dead_letters: list[dict[str, Any]]
    unsent_chunks: int
    repairs: int
    left_behind: list[str]


def gather(clients: Clients, stage: Stage, database: Database[dict[str, Any]], left_behind: list[str]) -> Evidence:
    """Read all collections and both stand-ins."""
    signals = database[TimelineEntry._meta.db_table].find({"kind": TimelineKind.SIGNAL.value})
    return Evidence(
        created=clients.created,
        refused=clients.refused,
        unanswered=len(clients.unanswered),
        goals=_by_id(database, "goals"),
        sessions=_by_id(database, "sessions"),
        signals=Counter((row["goal_id"], row["name"]) for row in signals),
        tracked=Counter((event["goal_id"], event["name"]) for event in database["analytics_events"].find()),
        heard=_heard(stage),
        recorded=Counter(record["TaskId"] for record in stage.byteplus.records),
        refused_by_vendors=[*stage.pusher.reasons, *stage.byteplus.reasons],
        messages=waiting(database),
        dead_letters=list(database["django_q_task"].find({"success": False}, {"name": True, "result": True})),
        unsent_chunks=database["notification_chunks"].count_documents({"sent_at": None}),
        repairs=sum(each["count"] for each in database["repairs"].find()),
        left_behind=left_behind,
    )


def waiting(database: Database[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the messages that are due, run, or wait to be tried again; not later ones, nor the periodic tasks'.

    Due within a second is due: a start that meets another puts itself off for a moment, with a new message.
    """
    due = {"$expr": {"$lte": ["$lock", {"$add": ["$$NOW", 1000]}]}}
    condition = {"name": {"$nin": list(periodic_names())}, "$or": [due, {"attempts": {"$exists": True}}]}
    return list(database[MESSAGES].find(condition, {"payload": False}))


def _by_id(database: Database[dict[str, Any]], name: str) -> Documents:
    return {str(document["_id"]): document for document in database[name].find({}, {"breakdown": False})}


def _heard(stage: Stage) -> Heard:
    heard: Heard = defaultdict(list)
    for event in list(stage.pusher.events):
        data = json.loads(event.data)
        heard[event.name, data["goal_id"], event.channel].append(data["event_id"])
    return heard
