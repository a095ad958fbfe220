"""django-q's schedules: rows of `django_q_schedule` that queue a message when they are due.

Only durable tasks are called, with plain arguments. A row that can't be run stays as it is and delays no other row: the
log, a metric and the admin say what is wrong with it.
"""

import ast
import logging
from collections.abc import Iterator
from datetime import UTC, datetime

from django_q.conf import Conf
from django_q.models import Schedule
from pymongo.cursor import Cursor

from config.errors import ProductError
from mongodb.collections import Document, collection, tolerant_collection
from mongodb.transactions import run_in_transaction
from taskqueue.durable import DurableTask
from taskqueue.known_tasks import find_task
from taskqueue.messages import PRIMITIVES, Primitive

logger = logging.getLogger(__name__)

SCHEDULES = Schedule._meta.db_table
MOST_CHARACTERS = 10_000
# A schedule that has missed more runs than this loses its rhythm: its next run is computed from now.
MOST_STEPS = 1000


class BadSchedule(ProductError):
    """A schedule can't be run; the detail says why."""

    code = "bad_schedule"


def run_due(now: datetime) -> None:
    """Enqueue the tasks of all schedules that are due."""
    for row in _due(now):
        try:
            _run(row, now=now)
        except BadSchedule as error:
            logger.error("bad schedule id=%s name=%s problem=%s", row["_id"], row.get("name"), error.detail)  # noqa: TRY400


def bad_schedules(*, now: datetime, limit: int) -> Iterator[tuple[Document, str]]:
    """Yield the schedules that are due and can't be run, each with the reason. Examine at most `limit` schedules."""
    for row in _due(now).limit(limit):
        if problem := problem_of(row, now=now):
            yield row, problem


def problem_of(row: Document, *, now: datetime) -> str:
    """Return why the schedule can't be run, or ""."""
    try:
        _call(row)
        _changes(row, now)
    except BadSchedule as error:
        return str(error.detail)
    return ""


def _due(now: datetime) -> Cursor[Document]:
    due: Cursor[Document] = tolerant_collection(SCHEDULES).find({"next_run": {"$lte": now}, "repeats": {"$ne": 0}})
    return due.sort("next_run", 1)


def _run(row: Document, *, now: datetime) -> None:
    """Move the schedule on and enqueue its task, in one transaction. Write nothing if another process was faster."""
    task, arguments = _call(row)
    changes = _changes(row, now)

    def write() -> None:
        unchanged = {"_id": row["_id"], "next_run": row["next_run"]}
        if changes:
            found = collection(SCHEDULES).update_one(unchanged, {"$set": changes}).matched_count
        else:
            found = collection(SCHEDULES).delete_one(unchanged).deleted_count
        if found:
            task.enqueue(*arguments)

    run_in_transaction(write)
    logger.info("schedule id=%s name=%s task=%s", row["_id"], row.get("name"), task.__name__)


def _call(row: Document) -> tuple[DurableTask, tuple[Primitive, ...]]:
    """Return the task and its arguments. Raises BadSchedule."""
    for field in ("hook", "intended_date_kwarg"):
        if row.get(field):
            raise BadSchedule(f"{field} is not supported.")
    if row.get("kwargs") not in (None, "", "{}"):
        raise BadSchedule("Tasks have no keyword arguments.")
    if row.get("cluster") not in (None, "", Conf.PREFIX):
        raise BadSchedule(f"No cluster is named {row['cluster']!r}.")
    try:
        return find_task(str(row.get("func"))), _arguments(row.get("args") or "()")
    except ProductError as error:
        raise BadSchedule(error.detail) from error


def _arguments(text: object) -> tuple[Primitive, ...]:
    """Parse arguments in django-q's syntax: one literal, or several separated by commas."""
    if not isinstance(text, str) or len(text) > MOST_CHARACTERS:
        raise BadSchedule("The arguments are not a text, or are too long.")
    try:
        found = ast.literal_eval(text)
    except Exception as error:  # ast raises different errors for text that is not a literal
        raise BadSchedule(f"The arguments are not literals: {error}.") from error
    found = found if isinstance(found, tuple) else (found,)
    if not all(isinstance(each, PRIMITIVES) for each in found):
        raise BadSchedule("Arguments are texts, whole numbers, True, False or None.")
    return found


def _changes(row: Document, now: datetime) -> Document:
    """Return the changes that a run makes to the row, or {} if it deletes the row. Raises BadSchedule."""
    repeats, kind = row.get("repeats"), row.get("schedule_type")
    if not isinstance(repeats, int) or kind not in [*dict(Schedule.TYPE)]:
        raise BadSchedule("Its type or its number of repeats is unknown.")
    if kind == Schedule.ONCE:
        return {} if repeats < 0 else {"repeats": 0}
    return {"next_run": _next_run(row, now), "repeats": repeats - 1 if repeats > 0 else -1}


def _next_run(row: Document, now: datetime) -> datetime:
    schedule = Schedule(schedule_type=row["schedule_type"], minutes=row.get("minutes"), cron=row.get("cron"))
    try:
        moment: datetime = row["next_run"].replace(tzinfo=UTC)
        for _ in range(MOST_STEPS):
            moment = schedule.calculate_next_run(moment)
            if moment > now:
                return moment
        moment = schedule.calculate_next_run(now)
    except Exception as error:  # the row's fields may hold anything
        raise BadSchedule(f"Its next run can't be calculated: {error!r}.") from error
    if moment <= now:
        raise BadSchedule("Its next run would not be later.")
    return moment
