"""The evidence after a run: documents by id, what the vendors' stand-ins received, and processes that still run."""

import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

from pymongo.database import Database

from goals.models import TimelineEntry, TimelineKind
from lab.bench.chaos.clients import Clients, Created
from lab.bench.queued import waiting
from lab.stand_ins import StandIns

Documents = dict[str, dict[str, Any]]
# (event, goal, channel) -> the event_id of each arrival of the event.
Heard = dict[tuple[str, str, str], list[str]]
# (event, goal) -> when the event first arrived on any channel (Unix seconds, by this host's clock).
FirstHeard = dict[tuple[str, str], float]


@dataclass(frozen=True)
class Evidence:
    """Everything that the verdict is based on. Ids are strings."""

    created: list[Created]
    refused: list[str]
    unanswered: int
    goals: Documents
    sessions: Documents
    signals: Counter[tuple[str, str]]  # (goal, signal)
    tracked: Counter[tuple[str, str]]  # (goal, event)
    heard: Heard
    first_heard: FirstHeard
    recorded: Counter[str]  # by TaskId
    refused_by_vendors: list[str]
    messages: list[dict[str, Any]]
    dead_letters: list[dict[str, Any]]
    unsent_chunks: int
    repairs: int
    left_behind: list[str]


def gather(
    clients: Clients, stand_ins: StandIns, database: Database[dict[str, Any]], left_behind: list[str]
) -> Evidence:
    """Return the evidence from the clients, the database and both stand-ins."""
    signals = database[TimelineEntry._meta.db_table].find({"kind": TimelineKind.SIGNAL.value})
    return Evidence(
        created=clients.created,
        refused=clients.refused,
        unanswered=len(clients.unanswered),
        goals=_by_id(database, "goals"),
        sessions=_by_id(database, "sessions"),
        signals=Counter((row["goal_id"], row["name"]) for row in signals),
        tracked=Counter((event["goal_id"], event["name"]) for event in database["analytics_events"].find()),
        heard=_heard(stand_ins),
        first_heard=_first_heard(stand_ins),
        recorded=Counter(record["TaskId"] for record in stand_ins.byteplus.records),
        refused_by_vendors=[*stand_ins.pusher.reasons, *stand_ins.byteplus.reasons],
        messages=waiting(database),
        dead_letters=list(database["django_q_task"].find({"success": False}, {"name": True, "result": True})),
        unsent_chunks=database["notification_chunks"].count_documents({"sent_at": None}),
        repairs=sum(each["count"] for each in database["repairs"].find()),
        left_behind=left_behind,
    )


def _by_id(database: Database[dict[str, Any]], name: str) -> Documents:
    return {str(document["_id"]): document for document in database[name].find({}, {"breakdown": False})}


def _heard(stand_ins: StandIns) -> Heard:
    heard: Heard = defaultdict(list)
    for event in list(stand_ins.pusher.events):
        data = json.loads(event.data)
        heard[event.name, data["goal_id"], event.channel].append(data["event_id"])
    return heard


def _first_heard(stand_ins: StandIns) -> FirstHeard:
    first: FirstHeard = {}
    for event in list(stand_ins.pusher.events):
        first.setdefault((event.name, json.loads(event.data)["goal_id"]), event.at)
    return first
