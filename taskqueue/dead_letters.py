"""Enqueues failed tasks again on request."""

from django_q.models import Failure

from api.audit import Author, record_change
from mongodb.collections import collection
from mongodb.transactions import run_in_transaction
from taskqueue.known_tasks import find_task
from taskqueue.results import RESULTS, arguments


def resubmit(failure: Failure, *, by: Author) -> bool:
    """Enqueue the failed task, take it off the list, and record the change. Return False if somebody else has done so.

    Raises UnknownTask or UnreadableArguments.
    """
    task, called_with = find_task(failure.func), arguments(failure.args)

    def write() -> bool:
        if not collection(RESULTS).delete_one({"id": failure.pk, "success": False}).deleted_count:
            return False
        task.enqueue(*called_with, subject=failure.group or "")
        record_change("resubmit", failure, by=by, after={"name": failure.name, "task": failure.func})
        return True

    return run_in_transaction(write)
