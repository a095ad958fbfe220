"""Ties the execution of a task to the request that queued it, and reports its outcome to other apps.

A package carries the id of its request, so everything that the task logs, writes and enqueues carries the id, too. A
periodic task comes from no request. A task that is run again in the admin comes from the request to the admin.
"""

import logging
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from django.dispatch import Signal, receiver
from django_q.signals import post_execute_in_worker, pre_enqueue, pre_execute

from api.request_id import NO_REQUEST, current_request_id, request_id

logger = logging.getLogger(__name__)

REQUEST_ID = "request_id"

# Sent in the worker when tasks have returned or raised, with `outcomes: list[TaskOutcome]`. It is sent outside a
# transaction. An exception in a receiver is logged and does not reach the worker.
task_finished = Signal()

# The package that this worker executes. django-q passes it to signals, but not to the function.
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
    """Make the failure of the running task final: django-q saves the task as failed and does not deliver it again."""
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
    """Send `task_finished` for executions that have just ended, except for successes that are not to be noted."""
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
    """Make the task's request the current request. With None, there is no current request any more."""
    request_id.set((task or {}).get(REQUEST_ID, NO_REQUEST))
