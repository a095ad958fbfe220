"""Finds the function that a worker is to call. Only durable tasks are called."""

from django.apps import apps
from django.utils.module_loading import import_string

from config.errors import ProductError
from taskqueue.durable import TASKS, DurableTask


class UnknownTask(ProductError):
    """A message, a schedule or a failed task names a function that is no durable task."""

    code = "unknown_task"


def find_task(path: str) -> DurableTask:
    """Return the durable task at the dotted path. Raises UnknownTask. Imports only modules of installed apps."""
    if (known := TASKS.get(path)) is not None:
        return known
    if apps.get_containing_app_config(path) is None:
        raise UnknownTask(f"{path} is not a task of this product.")
    try:
        found = import_string(path)
    except Exception as error:  # a module may raise anything
        raise UnknownTask(f"{path} can't be imported: {error!r}.") from error
    if not isinstance(found, DurableTask):
        raise UnknownTask(f"{path} is not a durable task.")
    return found
