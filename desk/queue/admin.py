"""The lists of failed tasks, of tasks that succeeded, and of the queue. Each row has the name of its goal.

The lists of failed tasks and of the queue show groups above their rows.
"""

from datetime import UTC, datetime
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django_q.models import Failure, OrmQ, Success

from api.counted import Counted
from config import clock
from desk.moments import at
from desk.queue import filters
from desk.queue.entries import MOST_READ, Entry, facts_of, first_line, keys, situation
from desk.queue.groups import group, short
from goals.names import GoalName, name_goals
from mongodb.collections import Document
from mongodb.tolerant import as_number, as_text
from taskqueue.admin import FailureAdmin, QueuedTaskAdmin, SuccessAdmin
from taskqueue.aside import odd_field

NOTHING = "-"
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)

admin.site.unregister([Failure, OrmQ, Success])


class NamedTasks(ChangeList):
    """The rows of a page, with the names of their goals."""

    def get_results(self, request: HttpRequest) -> None:
        """Find the names for all rows together."""
        super().get_results(request)
        rows = list(self.result_list)
        names = name_goals(row.group for row in rows if row.group)
        for row in rows:
            row.goal = names.get(row.group)
        self.result_list = rows


class NamedMessages(ChangeList):
    """The messages of a page, with their stored fields and the names of their goals."""

    def get_results(self, request: HttpRequest) -> None:
        """Find the fields and the names for all messages together."""
        super().get_results(request)
        rows = list(self.result_list)
        facts = facts_of([row.pk for row in rows])
        names = name_goals(as_text(each.get("subject")) for each in facts.values())
        for row in rows:
            row.facts = facts.get(str(row.pk), {})
            row.goal = names.get(as_text(row.facts.get("subject")))
        self.result_list = rows


class CountedByTime(Counted):
    """Counts tasks with the list's index, which MongoDB uses only if there is a condition on `stopped`."""

    def counted(self) -> Any:
        """Return the tasks to count."""
        return super().counted().filter(stopped__gt=EARLIEST)


class GroupedAdmin(admin.ModelAdmin[Any]):
    """A list that shows groups above its rows."""

    change_list_template = "desk/queue.html"
    sortable_by = ()
    IS_FAILED: ClassVar[bool] = False

    def entries(self, request: HttpRequest) -> list[Entry]:
        """Return the entries from which the groups are made."""
        raise NotImplementedError

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show the list with the groups above it."""
        entries = self.entries(request)
        groups = group(filters.chosen(request, entries), by_show=bool(request.GET.get("task")))
        context = {"groups": groups, "read": len(entries), "is_cut": len(entries) == MOST_READ}
        return super().changelist_view(request, {**(extra_context or {}), **context, "is_failed": self.IS_FAILED})


@admin.register(Failure)
class FailedTasksAdmin(GroupedAdmin, FailureAdmin):
    """Failed tasks, the newest first."""

    list_display = ("moment", "error", "task", "goal", "attempt_count")
    list_filter = (filters.FailedTaskFilter, filters.ErrorFilter, filters.FailedOfGoal)
    fields = tuple("goal" if each == "group" else each for each in FailureAdmin.fields)
    search_fields = ("pk",)
    search_help_text = _("The id of a goal.")
    ordering = ("-stopped",)
    IS_FAILED: ClassVar[bool] = True

    def entries(self, request: HttpRequest) -> list[Entry]:
        """Return the newest failed tasks."""
        return filters.failed(request)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Return the class of the list."""
        return NamedTasks

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Failure], search_term: str
    ) -> tuple[QuerySet[Failure], bool]:
        """Search by the id of a goal."""
        return (queryset.filter(group=search_term.strip().lower()) if search_term else queryset), False

    @admin.display(description=_("failed at"))
    def moment(self, task: Failure) -> SafeString:
        """Return when the last attempt of the task failed."""
        return at(task.stopped)

    @admin.display(description=_("error"))
    def error(self, task: Failure) -> str:
        """Return the first line of the error."""
        return first_line(task.result)

    @admin.display(description=_("task"))
    def task(self, task: Failure) -> str:
        """Return the name of the task."""
        return short(task.func)

    @admin.display(description=_("show"))
    def goal(self, task: Failure) -> SafeString | str:
        """Link to the goal that the task is about."""
        return _goal_of(task)


@admin.register(Success)
class DoneTasksAdmin(SuccessAdmin):
    """Tasks that succeeded, the newest first."""

    list_display = ("name", "goal", "stopped", "attempt_count", "short_result")
    list_filter = ()
    fields = tuple("goal" if each == "group" else each for each in SuccessAdmin.fields)
    search_fields = ("pk",)
    search_help_text = _("The id of a goal.")
    sortable_by = ()
    ordering = ("-stopped",)
    paginator = CountedByTime

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Return the class of the list."""
        return NamedTasks

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Success], search_term: str
    ) -> tuple[QuerySet[Success], bool]:
        """Search by the id of a goal."""
        return (queryset.filter(group=search_term.strip().lower()) if search_term else queryset), False

    @admin.display(description=_("show"))
    def goal(self, task: Success) -> SafeString | str:
        """Link to the goal that the task is about."""
        return _goal_of(task)


@admin.register(OrmQ)
class WaitingTasksAdmin(GroupedAdmin, QueuedTaskAdmin):
    """The queue, in the order in which its messages are due."""

    list_display = ("due", "state", "task", "goal", "attempts")
    list_filter = (filters.WaitingTaskFilter, filters.SituationFilter, filters.WaitingOfGoal)
    fields = (*QueuedTaskAdmin.fields, "state")
    ordering = ("lock",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[OrmQ]:
        """Filter by all keys of the queue, so that MongoDB finds the messages in the order of an index."""
        messages: QuerySet[OrmQ] = super().get_queryset(request)
        return messages.filter(key__in=keys())

    def entries(self, request: HttpRequest) -> list[Entry]:
        """Return the messages that are due first."""
        return filters.waiting(request)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Return the class of the list."""
        return NamedMessages

    @admin.display(description=_("due at"))
    def due(self, message: OrmQ) -> SafeString:
        """Return when a worker may take the message. If a worker holds it, return when the worker's claim ends."""
        return at(message.lock)

    @admin.display(description=_("state"))
    def state(self, message: OrmQ) -> str:
        """Return the situation of the message, and its unreadable field, if any."""
        facts = _facts(message)
        if not facts:
            return NOTHING
        label = str(situation(facts, now=clock.now()).label)
        field = odd_field(facts)
        return _("%(state)s (unreadable field: %(field)s)") % {"state": label, "field": field} if field else label

    @admin.display(description=_("task"))
    def task(self, message: OrmQ) -> str:
        """Return the name of the task."""
        return short(as_text(_facts(message).get("name")) or self.function(message))

    @admin.display(description=_("show"))
    def goal(self, message: OrmQ) -> SafeString | str:
        """Link to the goal that the task is about."""
        return _linked(message.__dict__.get("goal"), as_text(_facts(message).get("subject")))

    @admin.display(description=_("show"))
    def group(self, message: OrmQ) -> SafeString | str:
        """Link to the goal of the message, on the page of the message."""
        subject = super().group(message)
        return _linked(name_goals([subject]).get(subject), subject)

    @admin.display(description=_("attempts"))
    def attempts(self, message: OrmQ) -> int:
        """Return how often a worker has taken the message."""
        return as_number(_facts(message).get("attempts")) or 0


def _facts(message: OrmQ) -> Document:
    """Return the stored fields of the message. Read them first if this is the page of a single message."""
    if "facts" not in message.__dict__:
        message.facts = facts_of([message.pk]).get(str(message.pk), {})
    facts: Document = message.facts
    return facts


def _goal_of(task: Any) -> SafeString | str:
    """Link to the goal of the task. Find the goal's name first if this is the page of a single task."""
    if "goal" not in task.__dict__:
        task.goal = name_goals([task.group or ""]).get(task.group or "")
    return _linked(task.goal, task.group or "")


def _linked(goal: GoalName | None, subject: str) -> SafeString | str:
    return goal.link if goal else subject or NOTHING
