"""Enqueues failed tasks again on request."""

from collections.abc import Sequence
from dataclasses import dataclass

from django_q.models import Failure

from api.audit import Author, record_change
from mongodb.collections import collection
from mongodb.transactions import run_in_transaction
from taskqueue.durable import DurableTask
from taskqueue.known_tasks import find_task
from taskqueue.messages import Primitive
from taskqueue.results import RESULTS, arguments


@dataclass(frozen=True, slots=True)
class FailedCall:
    """A failed task, with the durable task and the arguments of its call."""

    failure: Failure
    task: DurableTask
    args: tuple[Primitive, ...]


def failed_call(failure: Failure) -> FailedCall:
    """Return the call that failed. Raises UnknownTask or UnreadableArguments."""
    return FailedCall(failure, find_task(failure.func), arguments(failure.args))


def resubmit(calls: Sequence[FailedCall], *, by: Author) -> list[Failure]:
    """Enqueue the calls again, take them off the list of failures, and record the changes, in one transaction.

    Return the failures that were still on the list. Somebody else has enqueued or deleted the others.
    """
    listed = {"id": {"$in": [call.failure.pk for call in calls]}, "success": False}

    def write() -> list[Failure]:
        ids = [row["id"] for row in collection(RESULTS).find(listed, {"id": True})]
        # If another transaction deletes one of them meanwhile, MongoDB aborts one of the two, and it runs again.
        collection(RESULTS).delete_many(listed)
        found = [call for call in calls if call.failure.pk in ids]
        for call in found:
            call.task.enqueue(*call.args, subject=call.failure.group or "")
            after = {"name": call.failure.name, "task": call.failure.func}
            record_change("resubmit", call.failure, by=by, after=after)
        return [call.failure for call in found]

    return run_in_transaction(write) if calls else []
