"""Results of tasks, where django-q's admin pages and `fetch` look for them: `django_q_task`."""

from typing import Any

from django_q.brokers import Broker
from django_q.models import Task
from django_q.monitor import save_task
from django_q.utils import get_func_repr
from pymongo.errors import DuplicateKeyError, PyMongoError

from mongodb.transactions import collection, connection, quick_collection

RESULTS = Task._meta.db_table
# What only django-q's own `save_task` knows how to treat.
_OF_DJANGO_Q = frozenset({"chain", "hook", "save"})


class NotSaved(PyMongoError):
    """A dead letter could not be stored, so its message must stay."""


def keep_success(task: dict[str, Any], broker: Broker) -> None:
    """Store a success in one insert, where `save_task` looks first whether there is one.

    It waits for one server: the acknowledgement that follows waits for the majority, and with it for all before it.
    Again: the first success stays.
    """
    if _OF_DJANGO_Q & task.keys():
        save_task(task, broker)
        return
    try:
        quick_collection(RESULTS).insert_one(_document(task))
    except DuplicateKeyError:
        save_task(task, broker)


def keep_failure(task: dict[str, Any], broker: Broker) -> None:
    """Store a task's last failure. Raises NotSaved."""
    save_task(task, broker)
    if not collection(RESULTS).count_documents({"id": task["id"]}, limit=1):
        raise NotSaved(task["id"])  # `save_task` only logs it


def _document(task: dict[str, Any]) -> dict[str, Any]:
    """Return the document that the model would write."""
    fields = {field.name: task.get(field.name) for field in Task._meta.concrete_fields}
    stored = Task(**fields | {"func": get_func_repr(task["func"]), "attempt_count": 1})
    return {
        field.column: field.get_db_prep_save(field.pre_save(stored, add=True), connection)
        for field in Task._meta.concrete_fields
    }
