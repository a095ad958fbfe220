"""Sessions and recordings in the Django admin. Staff can only view them."""

from typing import Any

from bson import ObjectId
from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _

from api.read_only_admin import ReadOnlyAdmin
from goals.names import GoalName, name_goals
from sessions_app.models import Recording, Session


@admin.register(Session)
class SessionAdmin(ReadOnlyAdmin):
    """All sessions. The API opens and ends them. No session is deleted here, because goals and payments refer to it."""

    ordering = ("-created_at", "-pk")
    list_display = ("title", "streamer", "status", "created_at", "ended_at")
    sortable_by = ("created_at",)  # no index sorts the sessions by another field
    list_filter = ("status",)
    search_fields = ("pk",)
    search_help_text = _("The id of a session or of its streamer.")
    fields = ("id", "title", "user", "status", "created_at", "ended_at", "pairs")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Session]:
        """Return the sessions.

        A separate query reads their streamers, because MongoDB would sort a joined list in memory.
        """
        sessions: QuerySet[Session] = super().get_queryset(request)
        return sessions.prefetch_related("user")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Session], search_term: str
    ) -> tuple[QuerySet[Session], bool]:
        """Search by the id of a session or a streamer. Both ids have an index."""
        if not search_term:
            return queryset, False
        if not ObjectId.is_valid(search_term):
            return queryset.none(), False
        wanted: Any = ObjectId(search_term)
        own = queryset.filter(pk=wanted)
        return own if own.order_by().exists() else queryset.filter(user=wanted), False

    @admin.display(description=_("streamer"))
    def streamer(self, session: Session) -> str:
        """Return the streamer's name."""
        return session.user.get_username()

    @admin.display(description=_("funding goals and their shows"))
    def pairs(self, session: Session) -> SafeString:
        """Return links to the goals of each pair."""
        pairs = session.show_goal_pairs or []
        names = name_goals(str(each) for pair in pairs for each in (pair.funding_goal, pair.show_goal) if each)
        rows = (_pair_cells(pair, names) for pair in pairs)
        lines = format_html_join(mark_safe("<br>"), '<a href="{}">{}</a> → <a href="{}">{}</a>', rows)
        return lines or mark_safe("-")


class NamedRecordings(ChangeList):
    """A page of recordings, with the names of their shows."""

    def get_results(self, request: HttpRequest) -> None:
        """Read the page, and give its recordings the names of their shows."""
        super().get_results(request)
        self.result_list = list(self.result_list)
        name_recordings(self.result_list)


@admin.register(Recording)
class RecordingAdmin(ReadOnlyAdmin):
    """The recordings of all shows."""

    ordering = ("-requested_at", "-pk")
    list_display = ("title", "state", "attempts", "error", "requested_at", "started_at", "stopped_at", "verified_at")
    sortable_by = ("requested_at",)  # no index sorts the recordings by another field
    list_filter = ("state",)
    search_fields = ("pk",)
    search_help_text = _("The id of a show.")
    fields = (
        *("show", "session_id", "streamer_id", "state", "attempts", "error", "requested_at", "started_at"),
        *("confirmed_at", "stopped_at", "verified_at", "failed_at", "check_at", "provider"),
    )
    readonly_fields = fields

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Recording], search_term: str
    ) -> tuple[QuerySet[Recording], bool]:
        """Search by the id of the show, which is also the id of its recording."""
        if not search_term:
            return queryset, False
        return queryset.filter(pk=search_term) if ObjectId.is_valid(search_term) else queryset.none(), False

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Return the class that lists recordings with the names of their shows."""
        return NamedRecordings

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Recording | None:
        """Return the recording with the name of its show, or None if there is no such recording."""
        found: Recording | None = super().get_object(request, object_id, from_field)
        if found is not None:
            name_recordings([found])
        return found

    @admin.display(description=_("show"))
    def title(self, recording: Recording) -> str:
        """Return the title of the show and the name of its streamer.

        If the show does not exist any more, return the id and the state of the recording.
        """
        return str(recording)

    @admin.display(description=_("show"))
    def show(self, recording: Recording) -> SafeString:
        """Return a link to the show, whose timeline has the details."""
        return format_html('<a href="{}">{}</a>', _url(str(recording.pk)), recording)


def name_recordings(recordings: list[Recording]) -> None:
    """Give each recording the name of its show, with two queries."""
    names = name_goals(str(recording.pk) for recording in recordings)
    for recording in recordings:
        recording.show_name = str(names.get(str(recording.pk), ""))


def _pair_cells(pair: Any, names: dict[str, GoalName]) -> tuple[str, str, str, str]:
    funding, show = str(pair.funding_goal), str(pair.show_goal) if pair.show_goal else ""
    return _url(funding), _title(funding, names), _url(show) if show else "", _title(show, names) or "-"


def _title(goal_id: str, names: dict[str, GoalName]) -> str:
    return names[goal_id].title if goal_id in names else goal_id


def _url(goal_id: str) -> str:
    return reverse("admin:goals_goal_change", args=[goal_id])
