"""The execution of a task: the request from which it comes, its outcome for other rooms, its stored result.

A package carries the id of its request, so what the task logs, writes and enqueues carries it too. A periodic task
comes from no request; a task that is resubmitted in the admin comes from the request of the admin. Results are stored
in `django_q_task`, where django-q's admin pages and `fetch` look for them.
"""

import logging
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from django.dispatch import Signal, receiver
from django_q.brokers import Broker
from django_q.models import Task
from django_q.monitor import save_task
from django_q.signals import post_execute_in_worker, pre_enqueue, pre_execute
from django_q.utils import get_func_repr
from picklefield.fields import PickledObjectField, dbsafe_encode
from pymongo.errors import BulkWriteError, PyMongoError

from api.request_id import NO_REQUEST, current_request_id, request_id
from mongodb.collections import collection, quick_collection
from mongodb.failures import is_duplicate

logger = logging.getLogger(__name__)

REQUEST_ID = "request_id"
RESULTS = Task._meta.db_table
# Options of a package that only django-q's own `save_task` knows how to treat.
_OF_DJANGO_Q = frozenset({"chain", "hook", "save"})

# Sent in the worker when tasks have returned or raised, with `outcomes: list[TaskOutcome]`. It is sent outside a
# transaction. An exception in a receiver is logged and does not reach the worker.
task_finished = Signal()

# The package that this worker executes: django-q passes it to signals, but not to the function.
_package: ContextVar[dict[str, Any] | None] = ContextVar("package", default=None)


@dataclass(frozen=True, slots=True)
class TaskOutcome:
    """One execution: the task's name, its subject (a goal's id or ""), how it ended, and the request that queued it."""

    name: str
    subject: str
    succeeded: bool
    detail: str
    request_id: str


def acknowledge_failure() -> None:
    """Make the failure of the running task final: django-q saves it as failed and does not deliver it again."""
    if (package := _package.get()) is not None:
        package["ack_failure"] = True


@receiver(pre_execute, dispatch_uid="taskqueue.remember_package")
def remember_package(task: dict[str, Any], **_kwargs: object) -> None:
    """Keep the package at hand while its function runs."""
    _package.set(task)


@receiver(post_execute_in_worker, dispatch_uid="taskqueue.report_outcome")
def report_outcome(task: dict[str, Any], **_kwargs: object) -> None:
    """Send `task_finished` for the execution that has just ended."""
    _package.set(None)
    report_outcomes([task])


def report_outcomes(tasks: Sequence[dict[str, Any]]) -> None:
    """Send `task_finished` for executions that have just ended."""
    outcomes = [
        TaskOutcome(
            name=task["name"],
            subject=task.get("group") or "",
            succeeded=task["success"],
            detail="" if task["success"] else str(task["result"]).partition(" : Traceback")[0],
            request_id=task.get(REQUEST_ID, NO_REQUEST),
        )
        for task in tasks
        if task.get("save", True) or not task["success"]
    ]
    for _receiver, answer in task_finished.send_robust(sender=TaskOutcome, outcomes=outcomes):
        if isinstance(answer, Exception):
            logger.error("task_finished tasks=%s", {outcome.name for outcome in outcomes}, exc_info=answer)


@receiver(pre_enqueue, dispatch_uid="taskqueue.carry_request_id")
def carry_request_id(task: dict[str, Any], **_kwargs: object) -> None:
    """Put the id of the current request into the package."""
    task[REQUEST_ID] = current_request_id()


def work_for_request_of(task: dict[str, Any] | None) -> None:
    """Make the request from which the task comes the current one; None: no request any more."""
    request_id.set((task or {}).get(REQUEST_ID, NO_REQUEST))


class NotSaved(PyMongoError):
    """A dead letter could not be stored, so its message must stay."""


def keep_successes(tasks: Sequence[dict[str, Any]], broker: Broker) -> None:
    """Store successes in one insert; django-q's `save_task` would look first whether there is one, and store each.

    One server acknowledges it. The acknowledgement of the messages follows and waits for the majority, and so for all
    writes before it. Idempotent: the first success stays.
    """
    ours = [task for task in tasks if not _OF_DJANGO_Q & task.keys()]
    try:
        if ours:
            quick_collection(RESULTS).insert_many([_document(task) for task in ours], ordered=False)
    except BulkWriteError as error:
        if not is_duplicate(error):
            raise
        ours = [ours[each["index"]] for each in error.details["writeErrors"]]
    else:
        ours = []
    for task in (*ours, *(task for task in tasks if _OF_DJANGO_Q & task.keys())):
        save_task(task, broker)


def keep_failure(task: dict[str, Any], broker: Broker) -> None:
    """Store a task's last failure. Raises NotSaved."""
    save_task(task, broker)
    if not collection(RESULTS).count_documents({"id": task["id"]}, limit=1):
        raise NotSaved(task["id"])  # `save_task` only logs it


def _document(task: dict[str, Any]) -> dict[str, Any]:
    """Return the document that the model would write, which takes four times as long."""
    document = {column: task.get(name) for name, column in _PLAIN}
    for name, column, protocol in _PICKLED:
        document[column] = str(dbsafe_encode(task.get(name), pickle_protocol=protocol, copy=False))
    return {**document, "func": get_func_repr(task["func"]), "attempt_count": 1}


_FIELDS = Task._meta.concrete_fields
_PICKLED = [(field.name, field.column, field.protocol) for field in _FIELDS if isinstance(field, PickledObjectField)]
_PLAIN = [(field.name, field.column) for field in _FIELDS if not isinstance(field, PickledObjectField)]
