"""A worker that the test controls. The test decides when due tasks run."""

from datetime import datetime
from importlib import import_module
from typing import Any

from taskqueue.messages import MESSAGES
from taskqueue.packages import unpack
from tests.factories.documents import connection


def work_off(*, now: datetime, runs: int = 1) -> list[str]:
    """Run the task of each due message `runs` times, including messages that tasks enqueue. Return the tasks' names."""
    messages = connection.get_collection(MESSAGES)
    done: list[str] = []
    while message := messages.find_one_and_delete({"lock": {"$lte": now}}, sort=[("lock", 1), ("_id", 1)]):
        package: dict[str, Any] = unpack(message["payload"])
        module, _dot, name = package["func"].rpartition(".")
        for _ in range(runs):
            getattr(import_module(module), name)(*package["args"])
        done.append(package["name"])
    return done
