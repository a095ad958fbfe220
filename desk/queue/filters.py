"""The filters of the lists of failed tasks and of the queue.

The filters by task, error and situation choose only among the entries from which the groups are made.
"""

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from api.labels import label_of
from config import clock
from desk.queue.entries import Entry, Situation, failed_entries, messages_of, waiting_entries
from desk.queue.groups import short

MOST_CHOICES = 20


def failed(request: HttpRequest) -> list[Entry]:
    """Return the newest failed tasks, which are read only once for a page."""
    return _kept(request, lambda _now: failed_entries())


def waiting(request: HttpRequest) -> list[Entry]:
    """Return the messages that are due first, which are read only once for a page."""
    return _kept(request, lambda now: waiting_entries(now=now))


def chosen(request: HttpRequest, entries: list[Entry]) -> list[Entry]:
    """Return the entries that match the page's query string."""
    asked = request.GET
    return [
        each
        for each in entries
        if asked.get("task") in {None, "", each.task}
        and asked.get("error") in {None, "", each.error}
        and asked.get("of") in {None, "", each.subject}
        and asked.get("situation") in {None, "", each.situation.value}
    ]


def _kept(request: HttpRequest, read: Any) -> list[Entry]:
    kept: dict[str, list[Entry]] = request.__dict__
    if "queue_entries" not in kept:
        now: datetime = clock.now()
        kept["queue_entries"] = read(now)
    return kept["queue_entries"]


class _Among(admin.SimpleListFilter):
    """Lists only the entries whose field has the chosen value."""

    field = ""

    def entries(self, request: HttpRequest) -> list[Entry]:
        """Return the entries from which the groups are made."""
        raise NotImplementedError

    def label(self, value: str) -> Any:
        """Return the label of the value."""
        return value

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return the chosen value and the values of the entries, with their labels."""
        asked = request.GET.get(self.parameter_name or "", "")
        values = dict.fromkeys([*filter(None, [asked]), *(self._value(each) for each in self.entries(request))])
        return [(each, self.label(each)) for each in list(values)[:MOST_CHOICES] if each]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows with the chosen value."""
        value = self.value()
        if not value:
            return queryset
        fitting = (each.entry_id for each in self.entries(request) if self._value(each) == value)
        return queryset.filter(pk__in=list(filter(None, fitting)))

    def _value(self, entry: Entry) -> str:
        return str(getattr(entry, self.field))


class _AmongFailed(_Among):
    def entries(self, request: HttpRequest) -> list[Entry]:
        """Return the failed tasks."""
        return failed(request)


class _AmongWaiting(_Among):
    def entries(self, request: HttpRequest) -> list[Entry]:
        """Return the messages."""
        return waiting(request)


class FailedTaskFilter(_AmongFailed):
    """Filters by task."""

    title, parameter_name, field = _("task"), "task", "task"

    def label(self, value: str) -> str:
        """Return the task's name without its module."""
        return short(value)


class ErrorFilter(_AmongFailed):
    """Filters by error."""

    title, parameter_name, field = _("error"), "error", "error"


class WaitingTaskFilter(_AmongWaiting):
    """Filters by task."""

    title, parameter_name, field = _("task"), "task", "task"


class SituationFilter(_AmongWaiting):
    """Filters by the situation of the messages."""

    title, parameter_name, field = _("state"), "situation", "situation"

    def label(self, value: str) -> Any:
        """Return the situation in words."""
        return label_of(Situation, value)


class _OfGoal(admin.SimpleListFilter):
    """Lists only the rows of one goal. The filter is displayed only while it is used."""

    title, parameter_name = _("show"), "of"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return the id that is asked for."""
        asked = request.GET.get("of")
        return [(asked, asked)] if asked else []


class FailedOfGoal(_OfGoal):
    """Lists all failed tasks of one goal, including old ones."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the goal's failed tasks."""
        return queryset.filter(group=self.value()) if self.value() else queryset


class WaitingOfGoal(_OfGoal):
    """Lists the messages about one goal, including those that are due later."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the goal's messages."""
        return queryset.filter(pk__in=messages_of(self.value() or "")) if self.value() else queryset
