"""django-q's admin pages, with which nobody can call arbitrary functions: not even superusers can add or change rows.

Staff need the view permission to see tasks and schedules, the delete permission to delete them, and the permission
`resubmit_failure` to run failed tasks again. No page loads a Python object from a row.
"""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.core.signing import BadSignature
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _
from django_q import admin as _its_pages  # noqa: F401 - registers the pages that this module replaces
from django_q.models import Failure, OrmQ, Schedule, Success, Task

from api.audit import author
from api.read_only_admin import UnchangedAdmin
from config import clock
from config.errors import ProductError
from mongodb.collections import tolerant_collection
from mongodb.tolerant import tolerant
from taskqueue.dead_letters import failed_call, resubmit
from taskqueue.packages import read
from taskqueue.results import shown
from taskqueue.schedules import SCHEDULES, problem_of

SHORT_CHARACTERS = 100
# The most tasks that one action runs again. The limit keeps the page quick, and keeps the number of new failures small
# if the cause persists.
MOST_AT_ONCE = 200
# The name of the button that runs a failed task again.
RUN_AGAIN = "_run_again"

admin.site.unregister([Success, Failure, Schedule, OrmQ])


class TolerantAdmin(UnchangedAdmin):
    """A page of rows that a person or another program may have written."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the rows, including those with values of a wrong type."""
        return tolerant(super().get_queryset(request))


class ResultAdmin(TolerantAdmin):
    """Tasks that have ended."""

    fields: ClassVar[Any] = (
        "id",
        "name",
        "func",
        "group",
        "called_with",
        "what_came",
        "cluster",
        "started",
        "stopped",
        "attempt_count",
    )

    @admin.display(description=_("result"))
    def short_result(self, task: Task) -> str:
        """Return the beginning of the result."""
        return Truncator(shown(task.result)).chars(SHORT_CHARACTERS)

    @admin.display(description=_("result"))
    def what_came(self, task: Task) -> str:
        """Return the result, or the error with its traceback."""
        return shown(task.result)

    @admin.display(description=_("arguments"))
    def called_with(self, task: Task) -> str:
        """Return the arguments."""
        return shown(task.args)


@admin.register(Success)
class SuccessAdmin(ResultAdmin):
    """Tasks that succeeded."""


@admin.register(Failure)
class FailureAdmin(ResultAdmin):
    """Failed tasks. People run them again once the cause is fixed."""

    actions = ("resubmit",)
    change_form_template = "admin/django_q/failure.html"

    def has_resubmit_permission(self, request: HttpRequest) -> bool:
        """Tell whether the user may run failed tasks again."""
        user: Any = request.user
        return bool(user.has_perm("django_q.resubmit_failure"))

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the task, or run it again if the button was pressed. Only users with the permission see the button.

        Raises PermissionDenied if a user without the permission presses it.
        """
        may = self.has_resubmit_permission(request)
        if request.method == "POST" and RUN_AGAIN in request.POST and object_id is not None:
            if not may:
                raise PermissionDenied
            failures = self.get_queryset(request).filter(pk=unquote(object_id))
            if not failures:
                self.message_user(request, _("The task is not in this list any more."), messages.WARNING)
            self.resubmit(request, failures)
            return HttpResponseRedirect(reverse("admin:django_q_failure_changelist"))
        context = {**(extra_context or {}), "run_again": RUN_AGAIN if may else ""}
        return super().changeform_view(request, object_id, form_url, context)

    @admin.action(description=_("Run again"), permissions=["resubmit"])
    def resubmit(self, request: HttpRequest, failures: QuerySet[Failure]) -> None:
        """Enqueue the tasks again, but at most MOST_AT_ONCE of them.

        Report how many were enqueued, why others could not be, and whether any were left out.
        """
        calls = []
        chosen = list(failures[: MOST_AT_ONCE + 1])
        for failure in chosen[:MOST_AT_ONCE]:
            try:
                calls.append(failed_call(failure))
            except ProductError as error:
                text = _("%(task)s can't be run again: %(reason)s") % {"task": failure, "reason": error.detail}
                self.message_user(request, text, messages.ERROR)
        if enqueued := resubmit(calls, by=author(request.user)):
            user: Any = request.user
            LogEntry.objects.log_actions(user.pk, enqueued, CHANGE, "resubmitted")
            text = _("Tasks that are in the queue again: %(count)s") % {"count": len(enqueued)}
            self.message_user(request, text, messages.SUCCESS)
        if len(chosen) > MOST_AT_ONCE:
            more = _("At most %(most)s tasks are run again at once. Run the others when these have succeeded.")
            self.message_user(request, more % {"most": MOST_AT_ONCE}, messages.WARNING)


class ScheduleList(ChangeList):
    """A page of schedules, each with its stored row."""

    def get_results(self, request: HttpRequest) -> None:
        """Read the stored rows with one query."""
        super().get_results(request)
        schedules = list(self.result_list)
        found = tolerant_collection(SCHEDULES).find({"_id": {"$in": [schedule.pk for schedule in schedules]}})
        rows = {str(row["_id"]): row for row in found}
        for schedule in schedules:
            schedule.row = rows.get(str(schedule.pk))
        self.result_list = schedules


@admin.register(Schedule)
class ScheduleAdmin(TolerantAdmin):
    """Schedules, each with its problem, if any. They are made in code, for durable tasks."""

    list_display = ("name", "func", "args", "schedule_type", "repeats", "next_run", "problem")
    list_display_links = ("name", "func")
    search_fields = ("name", "func")
    fields = ("name", "func", "args", "kwargs", "schedule_type", "minutes", "cron", "repeats", "next_run", "problem")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Return the list that reads the stored rows."""
        return ScheduleList

    @admin.display(description=_("problem"))
    def problem(self, schedule: Any) -> str:
        """Return why the schedule can't be run, or ""."""
        if not hasattr(schedule, "row"):
            schedule.row = tolerant_collection(SCHEDULES).find_one({"_id": schedule.pk})
        row = schedule.row
        return problem_of(row, now=clock.now()) if row else ""


@admin.register(OrmQ)
class QueuedTaskAdmin(TolerantAdmin):
    """Messages that wait, or that a worker holds."""

    fields: ClassVar[tuple[str, ...]] = ("key", "lock", "function", "called_with", "group", "request_id", "queued_at")
    change_form_template = "admin/django_q/message.html"

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        """Title the page with the name of the message's task, because django-q's model has no readable name."""
        context["subtitle"] = self.function(kwargs["obj"]).rpartition(".")[2]
        return super().render_change_form(request, context, *args, **kwargs)

    @admin.display(description=_("function"))
    def function(self, message: OrmQ) -> str:
        """Return the path of the task."""
        return _of_package(message, "func")

    @admin.display(description=_("arguments"))
    def called_with(self, message: OrmQ) -> str:
        """Return the arguments."""
        return _of_package(message, "args")

    @admin.display(description=_("group"))
    def group(self, message: OrmQ) -> str:
        """Return the id of the goal that the task is about."""
        return _of_package(message, "group")

    @admin.display(description=_("request"))
    def request_id(self, message: OrmQ) -> str:
        """Return the id of the request that queued the message."""
        return _of_package(message, "request_id")

    @admin.display(description=_("queued at"))
    def queued_at(self, message: OrmQ) -> str:
        """Return when the message was queued."""
        return _of_package(message, "started")


def _of_package(message: OrmQ, name: str) -> str:
    """Return a field of the message's package as text, or "" if it is null.

    If the package can't be read, return a note that says so for `func`, and "" for the other fields.
    """
    try:
        value = read(message.payload).get(name)
    except (BadSignature, ValueError, KeyError, TypeError):
        return str(_("not readable, or queued by an earlier release")) if name == "func" else ""
    return "" if value is None else str(value)
