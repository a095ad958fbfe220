"""The request that a task goes back to: its id is in the package, so in what the task logs, writes and enqueues.

A periodic task goes back to none. A task that people send again from the admin goes back to their request.
"""

from typing import Any

from django.dispatch import receiver
from django_q.signals import pre_enqueue

from api.request_id import NO_REQUEST, current_request_id, request_id

KEY = "request_id"


@receiver(pre_enqueue, dispatch_uid="taskqueue.carry_request_id")
def carry_request_id(task: dict[str, Any], **_kwargs: object) -> None:
    """Put the id of the request that is being worked for into the package."""
    task[KEY] = current_request_id()


def work_for_request_of(task: dict[str, Any] | None) -> None:
    """Work for the request that the task goes back to; None: for no request any more."""
    request_id.set((task or {}).get(KEY, NO_REQUEST))
