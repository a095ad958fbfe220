"""The admin's page of a user, with live sessions, payments, and a button to deactivate or reactivate the account."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _

from api.admin import AccountAdmin
from api.admin_site import CHANGES, may
from api.asking import ReasonForm, ask_page, crumbs_of
from api.audit import author
from api.models import ServerKey
from config import clock
from config.errors import ProductError
from desk.buttons.views import may_look
from desk.finding import MOST_USERS_LISTED, find_users
from desk.moments import at
from desk.users.deactivating import Deactivated, deactivate, reactivate
from desk.users.forms import END, DeactivateForm
from desk.users.hanging import Hanging, Unfinished, hanging_on, keys_made_by, latest_payments
from sessions_app.models import Session

PERMISSION = "auth.change_user"
# The permission to make and revoke keys.
KEYS_PERMISSION = "api.add_serverkey"
# The permission to cancel shows and end sessions.
CANCEL_PERMISSION = "goals.cancel_goal"
ACCOUNT_FACTS = ("live_sessions", "not_over", "payments", "changes")
# Only people who may look at goals see unfinished goals and payments.
FACTS_OF_GOALS = frozenset({"not_over", "payments"})
DEACTIVATE, REACTIVATE = _("Deactivate"), _("Reactivate")
DEACTIVATION = _(
    "The user can't sign in any more, and all tokens and sign-ins end at once. Payments and shows keep the user's "
    "name. An account can be reactivated later."
)
REACTIVATION = _("The user can sign in again with the same password. Earlier tokens stay ended.")
ACTIVE_HELP = _("Inactive users can't sign in. The button above changes this.")
HANGS = _("The user still has live sessions:")
GO_ON = _("They go on as planned. Only a person who may cancel shows can end them.")
KEYS = _("The user has made keys for servers, which stay valid without the account:")
MORE = _("There is more. Type more of the name.")
DEACTIVATED = _("User %s is deactivated.")
SESSIONS_ENDED = _("The live sessions of user %s have ended.")
KEYS_REVOKED = _("The keys of user %s are revoked.")
ALREADY_DEACTIVATED = _("User %s was deactivated already. Nothing was changed.")
ALREADY_ACTIVE = _("User %s was active already. Nothing was changed.")
END_SESSIONS = _("End live sessions")
SESSIONS_LEFT = _("Sessions that are still live: %(count)s. Press the button again.")
ITSELF = _("You can't deactivate yourself.")
BREAK = mark_safe("<br>")
NOTHING = mark_safe("-")

admin.site.unregister(User)


@admin.register(User)
class UserDeskAdmin(AccountAdmin):
    """Adds the account's sessions, shows and payments. In the form, `is_active` is read-only. Two buttons change it."""

    change_form_template = "desk/user.html"
    search_help_text = _("The beginning of a user name or of an email address; or the id of a user.")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[User], search_term: str
    ) -> tuple[QuerySet[User], bool]:
        """Search with indexes, as the search box of every page does. Django's own search would read all users."""
        if not search_term.strip():
            return queryset, False
        found = find_users(search_term)
        if len(found) > MOST_USERS_LISTED:
            self.message_user(request, MORE, messages.WARNING)
        return queryset.filter(pk__in=found[:MOST_USERS_LISTED]), False

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Put the account's sessions, shows and payments first."""
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None:
            return fieldsets
        facts = tuple(name for name in ACCOUNT_FACTS if may_look(request) or name not in FACTS_OF_GOALS)
        return [(_("What hangs on the account"), {"fields": facts}), *fieldsets]

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Show `is_active`, but let only the buttons change it."""
        readonly = super().get_readonly_fields(request, obj)
        return readonly if obj is None else (*readonly, "is_active", *ACCOUNT_FACTS)

    def get_form(
        self,
        request: HttpRequest,
        obj: User | None = None,
        change: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Say how a user is deactivated, because Django's help text is about a checkbox."""
        return super().get_form(request, obj, change=change, **{**kwargs, "help_texts": {"is_active": ACTIVE_HELP}})

    def get_urls(self) -> list[Any]:
        """Put the two pages before Django's own, whose last pattern matches every path."""
        view = self.admin_site.admin_view
        pages = [
            path("<path:object_id>/deactivate/", view(self.deactivate_page), name="auth_user_deactivate"),
            path("<path:object_id>/reactivate/", view(self.reactivate_page), name="auth_user_reactivate"),
        ]
        return [*pages, *super().get_urls()]

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show the button that fits the account."""
        user: User | None = kwargs.get("obj")
        if user is not None and user.pk != request.user.pk and self.has_change_permission(request, user):
            buttons = [("deactivate", DEACTIVATE) if user.is_active else ("reactivate", REACTIVATE)]
            if not user.is_active and may(request, CANCEL_PERMISSION) and _hanging(user).sessions:
                buttons.append(("deactivate", END_SESSIONS))
            context["object_actions"] = [
                {"label": label, "url": reverse(f"admin:auth_user_{name}", args=[user.pk])} for name, label in buttons
            ]
        return super().render_change_form(request, context, *args, **kwargs)

    def deactivate_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for the reason, and ask what becomes of live sessions and keys (GET), or deactivate the user (POST)."""
        user = self._user(request, object_id)
        if user is None or user.pk == request.user.pk:
            return self._refuse(request, user)
        hanging, keys = hanging_on(user, now=clock.now()), keys_made_by(user)
        may_end, may_revoke = may(request, CANCEL_PERMISSION), may(request, KEYS_PERMISSION)
        if request.POST.get("sessions") == END and not may_end:
            raise PermissionDenied
        form = DeactivateForm(_posted(request), hanging=hanging, keys=keys, may_end=may_end, may_revoke=may_revoke)
        if not form.is_confirmed():
            texts: dict[str, Any] = {"title": DEACTIVATE, "question": DEACTIVATION, "keys_label": KEYS, "keys": keys}
            if not user.is_active and hanging.sessions and may_end:
                texts |= {"title": END_SESSIONS, "question": ""}
            texts["go_on"] = "" if may_end else GO_ON
            return self._ask(request, user, form, hanging=hanging, **texts)
        wanted: dict[str, Any] = {
            "sessions": hanging.sessions if form.ends_sessions else [],
            "keys": keys if form.revokes_keys else [],
        }
        try:
            done = deactivate(
                user, **wanted, by=author(request.user), reason=form.cleaned_data["reason"], now=clock.now()
            )
        except ProductError as error:
            self.message_user(request, str(error.detail), messages.ERROR)
            return HttpResponseRedirect(_page_of(user))
        for text in _said(done, **wanted):
            self._report(request, user, text)
        if done.sessions_left:
            self.message_user(request, SESSIONS_LEFT % {"count": done.sessions_left}, messages.ERROR)
            return HttpResponseRedirect(request.path)
        return HttpResponseRedirect(_page_of(user))

    def reactivate_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask first (GET), or reactivate the user (POST)."""
        user = self._user(request, object_id)
        if user is None:
            return self._refuse(request, user)
        form = ReasonForm(_posted(request))
        if not form.is_valid():
            return self._ask(request, user, form, title=REACTIVATE, question=REACTIVATION, hanging=Hanging([], []))
        was_inactive = reactivate(user, by=author(request.user), reason=form.cleaned_data["reason"])
        self._report(request, user, _("User %s is active again.") if was_inactive else ALREADY_ACTIVE)
        return HttpResponseRedirect(_page_of(user))

    def _report(self, request: HttpRequest, user: User, text: str | Promise) -> None:
        level = messages.WARNING if text in (ALREADY_DEACTIVATED, ALREADY_ACTIVE) else messages.SUCCESS
        self.message_user(request, text % user.get_username(), level)

    def _user(self, request: HttpRequest, object_id: str) -> User | None:
        if not may(request, PERMISSION):
            raise PermissionDenied
        return self.get_object(request, object_id)

    def _refuse(self, request: HttpRequest, user: User | None) -> HttpResponse:
        if user is None:
            return HttpResponseRedirect(reverse("admin:index"))
        self.message_user(request, str(ITSELF), messages.ERROR)
        return HttpResponseRedirect(_page_of(user))

    def _ask(self, request: HttpRequest, user: User, form: Any, *, hanging: Hanging, **texts: Any) -> HttpResponse:
        crumbs = crumbs_of(User, user.get_username(), _page_of(user))
        sees_goals = may_look(request) or may(request, CANCEL_PERMISSION)
        goals = [_line(each) for each in hanging.goals] if sees_goals else []
        left: dict[str, Any] = {"hangs": HANGS, "sessions": hanging.sessions, "goals": goals}
        return ask_page(request, form, crumbs=crumbs, template="desk/user_confirm.html", **texts, **left)

    @admin.display(description=_("live sessions"))
    def live_sessions(self, user: User) -> SafeString:
        """Link to the live sessions, and to all sessions."""
        sessions = _hanging(user).sessions
        rows = [(reverse("admin:sessions_app_session_change", args=[each.pk]), each.title) for each in sessions]
        every = (f"{reverse('admin:sessions_app_session_changelist')}?q={user.pk}", _("all sessions"))
        return format_html_join(BREAK, '<a href="{}">{}</a>', [*rows, every])

    @admin.display(description=_("shows and funding goals that are not over"))
    def not_over(self, user: User) -> SafeString:
        """Link to each unfinished goal, and to all goals of the user."""
        rows = [_line(each) for each in _hanging(user).goals]
        every = (f"{reverse('admin:goals_goal_changelist')}?q={user.pk}", _("all goals"), "")
        return format_html_join(BREAK, '<a href="{}">{}</a> {}', [*rows, every])

    @admin.display(description=_("latest payments"))
    def payments(self, user: User) -> SafeString:
        """List the latest payments, each with its outcome and a link to the payer's page."""
        rows = (
            (
                at(each.contribution.created_at),
                each.contribution.amount,
                reverse("desk:payer", args=[each.contribution.funding_goal_id, user.pk]),
                each.show.title if each.show else _("funding goal"),
                each.outcome.label,
            )
            for each in latest_payments(user)
        )
        return format_html_join(BREAK, '{}: {} · <a href="{}">{}</a> · {}', rows) or NOTHING

    @admin.display(description=_("changes"))
    def changes(self, user: User) -> SafeString:
        """Link to the changes by the user, and to those that concern the user."""
        lists = (("by", _("by the user")), ("about", _("that concern the user")))
        rows = ((f"{reverse(CHANGES)}?{name}={user.pk}", label) for name, label in lists)
        return format_html_join(BREAK, '<a href="{}">{}</a>', rows)


def _hanging(user: User) -> Hanging:
    """Return the account's live sessions and unfinished goals, which are read only once for a page."""
    known: Hanging | None = user.__dict__.get("hanging")
    if known is None:
        known = user.__dict__["hanging"] = hanging_on(user, now=clock.now())
    return known


def _said(done: Deactivated, *, sessions: Sequence[Session], keys: Sequence[ServerKey]) -> list[Promise]:
    """Return the messages about what was done, besides the one about sessions that are left."""
    if done.was_active:
        return [DEACTIVATED]
    if not (sessions or keys):
        return [ALREADY_DEACTIVATED]
    return [*([KEYS_REVOKED] if keys else []), *([SESSIONS_ENDED] if sessions and not done.sessions_left else [])]


def _posted(request: HttpRequest) -> Any:
    return request.POST if request.method == "POST" else None


def _line(unfinished: Unfinished) -> tuple[str, str, SafeString]:
    goal = unfinished.goal
    starts = [at(goal.nbf)] if goal.nbf is not None else []
    told = [unfinished.status.label, *starts, _("payers: %d") % unfinished.payers]
    joined = format_html_join(", ", "{}", ((each,) for each in told))
    return reverse("admin:goals_goal_change", args=[goal.pk]), goal.title, format_html("({})", joined)


def _page_of(user: User) -> str:
    return reverse("admin:auth_user_change", args=[user.pk])
