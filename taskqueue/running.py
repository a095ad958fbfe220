"""Runs the calls of a bulk task in a worker, with a time limit, and notes the outcome of each in its package."""

import logging
import traceback
from collections.abc import Sequence
from multiprocessing import current_process

from django_q.conf import Conf
from django_q.exceptions import TimeoutException
from django_q.timeout import TimeoutHandler

from api.request_id import NO_REQUEST
from config import clock
from config.errors import Unavailable
from mongodb.failures import is_away
from taskqueue.calls import Call, Outcome
from taskqueue.durable import BulkTask, is_permanent
from taskqueue.executions import REQUEST_ID, report_outcomes
from taskqueue.packages import Task

logger = logging.getLogger(__name__)

LOGGED_ONE_BY_ONE = 10


def run_batch(bulk: BulkTask, tasks: Sequence[Task]) -> Sequence[Outcome | TimeoutException]:
    """Run the calls, note their outcomes and return them. If they can't be run together, run each alone.

    If they take longer than the time limit, the outcome of each is a TimeoutException.
    """
    calls = [_call(task) for task in tasks]
    _log(bulk, calls)
    outcomes: Sequence[Outcome | TimeoutException]
    try:
        with TimeoutHandler(Conf.TIMEOUT):
            outcomes = _outcomes(bulk, calls)
    except TimeoutException as error:
        outcomes = [error] * len(calls)
    for task, outcome in zip(tasks, outcomes, strict=True):
        _note(task, outcome)
    report_outcomes(tasks)
    return outcomes


def _outcomes(bulk: BulkTask, calls: Sequence[Call]) -> Sequence[Outcome]:
    try:
        return bulk.run(calls)
    except Exception as error:  # a task may raise anything
        if len(calls) == 1 or isinstance(error, Unavailable) or is_away(error):
            return [error] * len(calls)
        logger.exception("batch failed, its calls run one by one task=%s calls=%s", bulk.__name__, len(calls))
    return [outcome for call in calls for outcome in _outcomes(bulk, [call])]


def _log(bulk: BulkTask, calls: Sequence[Call]) -> None:
    """Log that the calls begin: a few calls one by one, with their request ids, and many calls together."""
    logger.info("%s processing calls=%s of=%s", current_process().name, len(calls), bulk.path)
    for call in calls if len(calls) <= LOGGED_ONE_BY_ONE else ():
        with call.for_its_request():
            logger.info("%s processing %s %r [%s]", current_process().name, bulk.__name__, bulk.path, call.subject)


def _call(task: Task) -> Call:
    return Call(
        args=tuple(task["args"]),
        subject=task.get("group") or "",
        attempt=task["attempt"],
        request_id=task.get(REQUEST_ID, NO_REQUEST),
        message_id=task["ack_id"],
    )


def _note(task: Task, outcome: Outcome | TimeoutException) -> None:
    """Note the outcome as django-q's worker does."""
    task["stopped"] = clock.now()
    task["success"] = not isinstance(outcome, Exception | TimeoutException)
    task["result"] = outcome
    if isinstance(outcome, Exception | TimeoutException):
        # An exception that was returned, and not raised, has no traceback.
        trace = "".join(traceback.format_exception(outcome)) if outcome.__traceback__ else ""
        task["result"] = f"{outcome} : {trace}" if trace else str(outcome)
        task["ack_failure"] = isinstance(outcome, Exception) and is_permanent(outcome)
