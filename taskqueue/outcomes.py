"""What became of a task: a signal for the rooms that keep a record, and the failure's acknowledgement."""

import logging
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from django.dispatch import Signal, receiver
from django_q.signals import post_execute_in_worker, pre_execute

logger = logging.getLogger(__name__)

# Sent in the worker when a task has returned or raised, with `outcome: TaskOutcome`.
# Not in a transaction; a receiver's exception would hurt the worker, so it is sent robustly and logged.
task_finished = Signal()

# The package that this worker executes. django-q gives it to signals, not to the function.
_package: ContextVar[dict[str, Any] | None] = ContextVar("package", default=None)


@dataclass(frozen=True, slots=True)
class TaskOutcome:
    """One execution: the task's name, its subject (a goal's id or ""), and how it ended."""

    name: str
    subject: str
    succeeded: bool
    detail: str


def acknowledge_failure() -> None:
    """Make django-q take the running task's failure as final: saved as failed, not delivered again."""
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
    outcome = TaskOutcome(
        name=task["name"],
        subject=task.get("group") or "",
        succeeded=task["success"],
        detail="" if task["success"] else str(task["result"]).partition(" : Traceback")[0],
    )
    for _receiver, answer in task_finished.send_robust(sender=TaskOutcome, outcome=outcome):
        if isinstance(answer, Exception):
            logger.error("task_finished task=%s subject=%s", outcome.name, outcome.subject, exc_info=answer)
