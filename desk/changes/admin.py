"""The list of changes: who has changed what, and when.

Each filter and each search uses an index that has the changes in the order of the list. At most 2,000 changes are
counted, so the list ends after the newest 2,000.
"""

from datetime import timedelta
from typing import Any

from bson import ObjectId
from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _

from api.counted import Counted
from api.models import ChangeRecord
from api.read_only_admin import ReadOnlyAdmin
from config import clock
from desk.changes.names import Names, author_of, name_each, page_of_subject, subject_of
from desk.changes.words import ACTIONS, action_label, differences

SHOWN_CHARACTERS = 8
# This id is lower than the id of any change.
FIRST = ObjectId("0" * 24)
Records = QuerySet[ChangeRecord]


class CountedChanges(Counted):
    """Counts changes with an index, even without a filter."""

    def counted(self) -> Any:
        """Return the changes to count."""
        return super().counted().filter(pk__gt=FIRST)


class NamedList(ChangeList):
    """The changes of a page, with the names of their authors and subjects."""

    def get_results(self, request: HttpRequest) -> None:
        """Find the names for all changes of the page together."""
        super().get_results(request)
        records = list(self.result_list)
        names = name_each(records)
        for record in records:
            record.names = names
        self.result_list = records


class ActionFilter(admin.SimpleListFilter):
    """Filters changes by what was done."""

    title = _("action")
    parameter_name = "action"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return all actions."""
        return list(ACTIONS.items())

    def queryset(self, request: HttpRequest, queryset: Records) -> Records:
        """Return the changes with the chosen action, or all if none is chosen."""
        return queryset.filter(action=self.value()) if self.value() in ACTIONS else queryset


class TimeFilter(admin.SimpleListFilter):
    """Filters changes by time. The id of a change contains the second in which the change was made."""

    title = _("when")
    parameter_name = "since"
    PERIODS = {
        "hour": (timedelta(hours=1), _("in the last hour")),
        "day": (timedelta(days=1), _("in the last 24 hours")),
        "week": (timedelta(days=7), _("in the last 7 days")),
        "month": (timedelta(days=30), _("in the last 30 days")),
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return all periods."""
        return [(name, label) for name, (_length, label) in self.PERIODS.items()]

    def queryset(self, request: HttpRequest, queryset: Records) -> Records:
        """Return the changes of the chosen period, or all if none is chosen."""
        if self.value() not in self.PERIODS:
            return queryset
        length, _label = self.PERIODS[str(self.value())]
        return queryset.filter(pk__gte=ObjectId.from_datetime(clock.now() - length))


class _OfOne(admin.SimpleListFilter):
    """Lists only the changes with a certain id in a field. The filter is displayed only while it is used."""

    field = ""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return the id that is asked for."""
        asked = request.GET.get(self.parameter_name or "")
        return [(asked, asked)] if asked else []

    def queryset(self, request: HttpRequest, queryset: Records) -> Records:
        """Return the changes with the id in the field."""
        return queryset.filter(**{self.field: self.value()}) if self.value() else queryset


class SubjectFilter(_OfOne):
    """Filters changes by what was changed."""

    title, parameter_name, field = _("of"), "of", "subject_id"


class AuthorFilter(_OfOne):
    """Filters changes by their author."""

    title, parameter_name, field = _("by"), "by", "by_id"


class AboutFilter(_OfOne):
    """Filters changes by the user whom they concern."""

    title, parameter_name, field = _("about"), "about", "about__contains"

    def queryset(self, request: HttpRequest, queryset: Records) -> Records:
        """Return the changes that concern the user."""
        return queryset.filter(about__contains=[self.value()]) if self.value() else queryset


@admin.register(ChangeRecord)
class ChangeRecordAdmin(ReadOnlyAdmin):
    """The list of the changes that use cases have recorded."""

    ordering = ("-pk",)
    list_display = ("moment", "who", "what", "subject", "values", "reason", "request")
    list_display_links = None
    list_filter = (ActionFilter, TimeFilter, AuthorFilter, SubjectFilter, AboutFilter)
    search_fields = ("by_id",)
    search_help_text = _("The name of a person; the id of a person, of what was changed, or of a request.")
    paginator = CountedChanges
    sortable_by = ()

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Return the class of the list."""
        return NamedList

    def get_search_results(self, request: HttpRequest, queryset: Records, search_term: str) -> tuple[Records, bool]:
        """Search by a name or an id. The fields are searched one by one, because an OR would not use their indexes."""
        term = search_term.strip()
        if not term:
            return queryset, False
        named = User.objects.filter(username=term).values_list("pk", flat=True).first()
        tried: list[dict[str, Any]] = [{"by_id": str(named)}] if named else []
        if ObjectId.is_valid(term):
            tried += [{"by_id": term.lower()}, {"subject_id": term.lower()}, {"about__contains": [term.lower()]}]
        for condition in (*tried, {"request_id": term}):
            if (found := queryset.filter(**condition)).order_by().exists():
                return found, False
        return queryset.none(), False

    @admin.display(description=_("at (UTC)"))
    def moment(self, record: ChangeRecord) -> str:
        """Return when the change was made, to the second."""
        return date_format(record.at, "Y-m-d H:i:s")

    @admin.display(description=_("request"))
    def request(self, record: ChangeRecord) -> SafeString:
        """Return the first characters of the request's id, linked to all changes of the request."""
        started = f"{record.request_id[:SHOWN_CHARACTERS]}…" if len(record.request_id) > SHOWN_CHARACTERS else "-"
        return format_html('<a href="?q={}" title="{}">{}</a>', record.request_id, record.request_id, started)

    @admin.display(description=_("by"))
    def who(self, record: ChangeRecord) -> SafeString:
        """Return the author, linked to all changes by the same author."""
        name = author_of(record, _names(record))
        return format_html('{} <a href="?by={}">{}</a>', record.get_by_role_display(), record.by_id, name)

    @admin.display(description=_("action"))
    def what(self, record: ChangeRecord) -> str:
        """Return what was done."""
        return action_label(record.action)

    @admin.display(description=_("of"))
    def subject(self, record: ChangeRecord) -> SafeString:
        """Return the name of what was changed, with a link to its page."""
        name, page = subject_of(record, _names(record)), page_of_subject(record)
        return format_html('<a href="{}">{}</a>', page, name) if page else format_html("{}", name)

    @admin.display(description=_("change"))
    def values(self, record: ChangeRecord) -> SafeString:
        """Return the values before and after, a line for each."""
        lines = ((line,) for line in differences(record.before, record.after))
        return format_html_join(mark_safe("<br>"), "{}", lines)


def _names(record: ChangeRecord) -> Names:
    names: Names = record.__dict__.get("names", {})
    return names
