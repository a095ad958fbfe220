"""A worker of the queue that the evening controls: it runs tasks late, twice, in any order, and dies in between."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any

from bson import ObjectId
from django.utils.module_loading import import_string
from django_q.signals import post_execute_in_worker, pre_execute
from django_q.signing import SignedPackage

from taskqueue import periodic
from taskqueue.executions import work_for_request_of
from taskqueue.messages import MESSAGES
from tests.evenings.stage import LOST, STAGE, Ambush
from tests.factories.documents import connection

BACKOFF_SECONDS = (0.5, 60.0)
RELEASED = {"owner": "", "session": ""}
# A living worker extends its claim, however long its task takes.
CLAIMED_FOR = timedelta(hours=3)
# They change nothing that an evening looks at, and take time.
LEFT_OUT = frozenset({"run_schedules", "track", "write_livestream_feed"})

Around = Callable[[], AbstractContextManager[None]]
Message = dict[str, Any]


class Worker:
    """Runs tasks as a `qcluster` does: claims a message, runs it, and then deletes it or gives it back."""

    def __init__(self) -> None:
        self.failed: list[str] = []
        self.ran: list[str] = []

    def due(self, until: datetime | None = None) -> list[Message]:
        """Return the messages that are due now or by the moment, the longest due first."""
        due = {"lock": {"$lte": until or datetime.now(UTC)}, "name": {"$nin": list(LEFT_OUT)}}
        return list(_messages().find(due).sort([("lock", 1), ("_id", 1)]))

    def work(self, *, skew: int = 0, runs: int = 1, ambush: Ambush | None = None) -> None:
        """Run what is due until nothing is left. `skew` chooses the order; the ambush waits for the first task."""
        while due := self.due():
            self.run(due[skew % len(due)], runs=runs, ambush=ambush)
            ambush = None

    def run(
        self, message: Message, *, runs: int = 1, ambush: Ambush | None = None, around: Around = nullcontext
    ) -> None:
        """Claim the message and run its task; `runs` times if its acknowledgement gets lost."""
        claim = {"lock": datetime.now(UTC) + CLAIMED_FOR, "owner": "evening"}
        claimed = _messages().find_one_and_update({"_id": message["_id"]}, {"$set": claim, "$inc": {"attempts": 1}})
        if claimed is None:
            return
        package = SignedPackage.loads(message["payload"])
        self.ran.append(package["name"])

        def call() -> bool:
            with around():
                return [execute(package) for _ in range(runs)][-1]

        STAGE.perform(call, lambda done: self._settle(message["_id"], claimed, package, done), ambush)

    def run_periodic(self) -> None:
        """Run all periodic tasks once."""
        for task in periodic._INTERVALS:
            if task.__name__ not in LEFT_OUT:
                task()

    def hurry(self) -> None:
        """Make what waits for another attempt due now."""
        now = datetime.now(UTC)
        _messages().update_many({"attempts": {"$gt": 0}, "lock": {"$gt": now}, "owner": None}, {"$set": {"lock": now}})

    def _settle(self, message_id: ObjectId, claimed: Message, package: dict[str, Any], done: Any) -> None:
        if done is True:
            _messages().delete_one({"_id": message_id})
        elif done is LOST:
            self._give_back(message_id, after=0.0)
        elif package.get("ack_failure"):
            self.failed.append(f"{package['name']}: {package['result']}")
            _messages().delete_one({"_id": message_id})
        else:
            base, cap = BACKOFF_SECONDS
            self._give_back(message_id, after=min(cap, base * 2 ** claimed.get("attempts", 0)))

    def _give_back(self, message_id: ObjectId, *, after: float) -> None:
        lock = datetime.now(UTC) + timedelta(seconds=after)
        _messages().update_one({"_id": message_id}, {"$set": {"lock": lock}, "$unset": RELEASED})


def execute(package: dict[str, Any]) -> bool:
    """Run the package as a worker's process does, and tell whether it succeeded."""
    function = import_string(package["func"])
    work_for_request_of(package)
    pre_execute.send(sender="evening", func=function, task=package)
    try:
        package |= {"result": function(*package["args"]), "success": True}
    except Exception as error:  # noqa: BLE001 - as django-q's worker
        package |= {"result": f"{type(error).__name__} {error}", "success": False}
    finally:
        work_for_request_of(None)
    post_execute_in_worker.send(sender="evening", func=function, task=package)
    return bool(package["success"])


def _messages() -> Any:
    return connection.get_collection(MESSAGES)
