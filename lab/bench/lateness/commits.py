"""When a start was committed: seen by a change stream in a process that does nothing else."""

import time
from contextlib import suppress
from threading import Thread
from typing import Any

from pymongo import MongoClient
from pymongo.change_stream import CollectionChangeStream
from pymongo.errors import PyMongoError

from lab.bench.lateness.witness import Pipe, answer_questions

# MongoDB tells of a change once its transaction is committed by the majority.
STARTS: list[dict[str, Any]] = [
    {"$match": {"operationType": "update", "updateDescription.updatedFields.activated_at": {"$type": "date"}}},
    {"$project": {"documentKey": True}},
]

# A goal's id and when its start was seen, in Unix seconds.
Commit = tuple[str, float]


def watch_commits(pipe: Pipe, *, mongodb_uri: str, database: str, collection: str) -> None:
    """Answer with the commits seen since the last question. A goal that starts twice is seen twice."""
    seen: list[Commit] = []
    client = MongoClient[dict[str, Any]](mongodb_uri)
    with client, client[database][collection].watch(STARTS) as stream:
        Thread(target=_note, args=(stream, seen), daemon=True).start()
        pipe.send("watching")
        answer_questions(pipe, lambda: _take(seen))


def _note(stream: CollectionChangeStream[dict[str, Any]], seen: list[Commit]) -> None:
    with suppress(PyMongoError):  # the bench is over, and the client closed
        for change in stream:
            seen.append((str(change["documentKey"]["_id"]), time.time()))  # noqa: PERF401 - another thread reads it


def _take(seen: list[Commit]) -> list[Commit]:
    count = len(seen)
    taken = seen[:count]
    del seen[:count]
    return taken
