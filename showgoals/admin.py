"""Goals in the Django admin. Staff can read all goals, and move or cancel shows through the use cases."""

from collections.abc import Callable
from typing import Any, ClassVar

from bson import ObjectId
from django.contrib import admin, messages
from django.contrib.admin.views.main import SEARCH_VAR, ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _

from api.admin_site import may
from api.recorded_admin import NothingChanged, answer_unchanged
from config import clock
from config.errors import ProductError
from goals.models import Goal
from goals.names import usernames
from goals.states import CANCELLED, CHANGEABLE, GoalStatus
from sessions_app.titles import session_titles
from showgoals.admin_cancelling import cancel_selected
from showgoals.admin_conflicts import change_show, conflict
from showgoals.admin_forms import ChangeShowForm
from showgoals.admin_settlement import SettlementAdmin
from showgoals.filters import by_status, few_with_status
from showgoals.models import ShowGoal
from showgoals.settlement.deciding import waiting_for_decision

SEARCHED = ("pk", "conditions__session_id", "metadata__user_id")
# Keys of a context that name another goal.
LINKED = frozenset({"funding_goal_id", "show_goal_id"})

GoalAction = Callable[[Any, HttpRequest, QuerySet[Goal]], HttpResponse | None]


class StatusFilter(admin.SimpleListFilter):
    """Filters goals by their status now."""

    title = _("status")
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return all statuses."""
        return list(GoalStatus.choices)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Goal]) -> QuerySet[Goal]:
        """Return the goals of the chosen status.

        Without a search, `few_with_status` finds the goals of a rare status.
        """
        now, chosen = clock.now(), self.value() or ""
        few = None if request.GET.get(SEARCH_VAR) else few_with_status(chosen, now=now)
        if few is not None:
            return queryset.filter(pk__in=few)
        status = by_status(now).get(chosen)
        return queryset.filter(status) if status else queryset


class DecisionFilter(admin.SimpleListFilter):
    """Shows only the funding goals whose payments wait for the decision of a person."""

    title = _("payments")
    parameter_name = "payments"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return the only choice besides “All”."""
        return [("waiting", _("wait for a decision"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Goal]) -> QuerySet[Goal]:
        """Return the chosen goals."""
        return queryset.filter(pk__in=waiting_for_decision()) if self.value() == "waiting" else queryset


class NamedGoals(ChangeList):
    """The goals of a page, with the names of their streamers and sessions."""

    def get_results(self, request: HttpRequest) -> None:
        """Find all names with two queries."""
        super().get_results(request)
        goals = list(self.result_list)
        streamers = usernames(goal.metadata.user_id for goal in goals)
        sessions = session_titles(goal.conditions.session_id for goal in goals)
        for goal in goals:
            goal.__dict__["streamer"] = streamers.get(goal.metadata.user_id, "-")
            goal.__dict__["session"] = sessions.get(goal.conditions.session_id, "-")
        self.result_list = goals


@admin.register(Goal)
class GoalAdmin(SettlementAdmin):
    """All goals. They can't be added or deleted. `nbf` and the level of a show that has not started can be changed."""

    form = ChangeShowForm
    list_display = ("title", "streamer", "kind", "status", "nbf", "progress", "session", "created_at")
    list_filter: ClassVar[Any] = ("kind", StatusFilter, DecisionFilter)
    search_fields = ("pk",)
    search_help_text = _("The id of a goal, of its session, or of its streamer; or the code that a payer reads out.")
    ordering = ("-created_at", "-pk")
    sortable_by = ("created_at",)  # no index has the goals in another order
    actions: tuple[str | GoalAction, ...] = ("cancel",)
    FACTS: ClassVar[tuple[str, ...]] = (
        *("id", "kind", "status", "active", "created_at", "activated_at", "cancelled_at", "exp", "access_ends_at"),
        *("session_id", "streamer_id", "progress", "level_list", "context_table", "lapses_at", "settlement_table"),
    )

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Return the class of the list, which adds the names of streamers and sessions."""
        return NamedGoals

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Forbid adding goals, because only the API creates goals."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Goal | None = None) -> bool:
        """Allow changes of shows that have not started. All other goals can only be viewed."""
        return super().has_change_permission(request, obj) and (obj is None or _is_movable(obj))

    def has_delete_permission(self, request: HttpRequest, obj: Goal | None = None) -> bool:
        """Forbid deleting goals, because the payments of viewers refer to goals."""
        return False

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        """Tell whether the user may cancel shows."""
        return may(request, "goals.cancel_goal")

    def has_send_again_permission(self, request: HttpRequest) -> bool:
        """Tell whether the user may send events again."""
        return may(request, "goals.send_again")

    def get_fieldsets(self, request: HttpRequest, obj: Goal | None = None) -> Any:
        """Return the fields that can be changed, if there are any, followed by the stored facts."""
        fields = _changeable_fields(obj)
        change = [(_("Change"), {"fields": fields})] if fields else []
        facts = self.FACTS if "nbf" in fields else (*self.FACTS, "nbf")
        return [*change, (_("Facts"), {"fields": facts, "classes": ("collapse",)})]

    def get_readonly_fields(self, request: HttpRequest, obj: Goal | None = None) -> tuple[str, ...]:
        """Return the fields that can only be viewed."""
        return self.FACTS if "nbf" in _changeable_fields(obj) else (*self.FACTS, "nbf")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Goal], search_term: str
    ) -> tuple[QuerySet[Goal], bool]:
        """Search by the id of a goal, then of a session, then of a streamer. An OR would not use the indexes.

        The code that payers read out is the id of the show, a hyphen and the payer's own id.
        """
        if not search_term:
            return queryset, False
        searched, _hyphen, _viewer_id = search_term.lower().partition("-")
        if ObjectId.is_valid(searched):
            for found in (queryset.filter(**{field: searched}) for field in SEARCHED):
                if found.order_by().exists():
                    return found, False
        return queryset.none(), False

    def save_model(self, request: HttpRequest, obj: Goal, form: Any, change: bool) -> None:
        """Pass the values that the person has changed to the show's use case.

        Raise NothingChanged if the person has changed nothing, and the show has not changed since the page was opened.
        """
        changed, data = set(form.changed_data), form.cleaned_data
        if not changed - {"seen_version", "seen_status"} and data["seen_version"] == obj.version:
            raise NothingChanged
        changes: dict[str, Any] = {"nbf": data["nbf"]} if "nbf" in changed else {}
        if changed & {"title", "target_seconds"}:
            changes["level"] = {"title": data["title"], "target": data["target_seconds"]}
        change_show(request, obj, form, **changes)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show or save the form. If a use case raises an error, show the error's message and load the page again."""
        try:
            self._refuse_if_too_late(request, object_id)
            return super().changeform_view(request, object_id, form_url, extra_context)
        except NothingChanged:
            return answer_unchanged(self, request)
        except ProductError as error:
            self.message_user(request, str(error.detail), messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())

    def _refuse_if_too_late(self, request: HttpRequest, object_id: str | None) -> None:
        """Raise PreconditionFailed for the form of a show that has started since the form was opened.

        Django alone would respond with 403, without a reason.
        """
        goal = self.get_object(request, object_id) if request.method == "POST" and object_id else None
        if isinstance(goal, ShowGoal) and not _is_movable(goal) and super().has_change_permission(request):
            raise conflict(goal, request.POST)

    @admin.action(description=_("Cancel the selected shows"), permissions=["cancel"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Goal]) -> HttpResponse | None:
        """Ask first, then cancel each show through its use case."""
        return cancel_selected(self, request, queryset)

    @admin.display(description=_("status"))
    def status(self, goal: Goal) -> str:
        """Return the goal's status now."""
        return str(goal.status(clock.now()).label)

    @admin.display(description=_("title"))
    def title(self, goal: Goal) -> str:
        """Return the first level's title."""
        return goal.title

    @admin.display(description=_("streamer"))
    def streamer(self, goal: Goal) -> str:
        """Return the name of the user who created the goal, for the list of goals."""
        return str(goal.__dict__.get("streamer", "-"))

    @admin.display(description=_("session"))
    def session(self, goal: Goal) -> SafeString:
        """Return a link to the session with the session's title, for the list of goals."""
        return format_html('<a href="{}">{}</a>', _session_url(goal), goal.__dict__.get("session", "-"))

    @admin.display(description=_("session"))
    def session_id(self, goal: Goal) -> SafeString:
        """Return a link to the session with the session's id."""
        return format_html('<a href="{}">{}</a>', _session_url(goal), goal.conditions.session_id)

    @admin.display(description=_("streamer"))
    def streamer_id(self, goal: Goal) -> str:
        """Return the id of the user who created the goal."""
        return str(goal.metadata.user_id)

    @admin.display(description=_("access ends"))
    def access_ends_at(self, goal: Goal) -> str:
        """Return when viewers' access ends."""
        return f"{date_format(goal.access_exp, 'DATETIME_FORMAT')} UTC" if goal.access_exp else "-"

    @admin.display(description=_("levels"))
    def level_list(self, goal: Goal) -> SafeString:
        """List the title and the target of each level."""
        rows = ((level.title, level.target) for level in goal.levels)
        return format_html_join(mark_safe("<br>"), "{}: {}", rows)

    @admin.display(description=_("context"))
    def context_table(self, goal: Goal) -> SafeString:
        """List the context's keys that have a value."""
        rows = ((key, _linked(value) if key in LINKED else value) for key, value in goal.context_data().items())
        return format_html_join(mark_safe("<br>"), "{}: {}", rows)


def _session_url(goal: Goal) -> str:
    return reverse("admin:sessions_app_session_change", args=[goal.conditions.session_id])


def _linked(goal_id: str) -> SafeString:
    return format_html('<a href="{}">{}</a>', reverse("admin:goals_goal_change", args=[goal_id]), goal_id)


def goal_action(action: GoalAction) -> GoalAction:
    """Add an action to the goals' page. Apps that this app must not import use this decorator in their `admin.py`."""
    GoalAdmin.actions = (*GoalAdmin.actions, action)
    return action


def _is_movable(goal: Goal | None) -> bool:
    return isinstance(goal, ShowGoal) and CHANGEABLE.holds(goal)


def _changeable_fields(goal: Goal | None) -> tuple[str, ...]:
    """Return the fields of the form, or none if the goal can't be changed.

    There is no `nbf` for a cancelled show, because a new nbf would bring the show back.
    """
    if goal is None or not _is_movable(goal):
        return ()
    nbf = () if CANCELLED.holds(goal) else ("nbf",)
    return (*nbf, "title", "target_seconds", "seen_version", "seen_status")
