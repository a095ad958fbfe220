"""The admin's pages of users, groups and keys for servers. All changes made on these pages are recorded."""

from functools import partial
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from api.accounts import sign_out_everywhere
from api.audit import Author, author, record_change
from api.chosen import chosen
from api.models import Scope, ServerKey
from api.permission_names import WithPermissionNames
from api.recorded_admin import RecordedAdmin
from api.server_keys import SHOWN_CHARACTERS, digest, new_key, revoke
from config import clock
from mongodb.transactions import in_transaction, run_in_transaction

admin.site.unregister([User, Group])


@admin.register(User)
class AccountAdmin(WithPermissionNames, RecordedAdmin, UserAdmin[User]):
    """Django's page of users, with an action that signs users out.

    Users are not deleted: payments and records name them.
    """

    actions = ("sign_out",)
    readonly_fields = ("last_login", "date_joined")
    sortable_by = ("username",)  # no index sorts users by any other field

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Forbid deletion. Users are deactivated instead."""
        return False

    def facts(self, saved: User) -> dict[str, Any]:
        """Return what the user may do, without the user's name and email address."""
        flags = {name: getattr(saved, name) for name in ("is_active", "is_staff", "is_superuser")}
        permissions = sorted(saved.user_permissions.values_list("codename", flat=True))
        groups = sorted(saved.groups.values_list("name", flat=True))
        return {**flags, "groups": groups, "user_permissions": permissions}

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:  # noqa: A002
        """Show the form, or set the password and record the change in one transaction."""
        change = partial(super().user_change_password, request, id, form_url)
        return run_in_transaction(change) if request.method == "POST" else change()

    def log_change(self, request: HttpRequest, obj: User, message: Any) -> Any:
        """Record that the password was changed, which is the only change that is logged inside a transaction.

        All other changes are recorded where they are written.
        """
        if in_transaction():
            record_change("set_password", obj, by=author(request.user), about=[str(obj.pk)])
        return super().log_change(request, obj, message)

    @admin.action(description=_("Sign out everywhere"), permissions=["change"])
    def sign_out(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """End all tokens and sessions of the selected users."""
        users = chosen(self, request, queryset)
        for user in users:
            run_in_transaction(partial(_sign_out, user, by=author(request.user)))
        if users:
            text = _("Users who were signed out: %(count)s") % {"count": len(users)}
            self.message_user(request, text, messages.SUCCESS)


def _sign_out(user: User, *, by: Author) -> None:
    sign_out_everywhere(user)
    record_change("sign_out_everywhere", user, by=by, about=[str(user.pk)])


@admin.register(Group)
class RecordedGroupAdmin(WithPermissionNames, RecordedAdmin, GroupAdmin):
    """Django's page of groups."""

    def facts(self, saved: Group) -> dict[str, Any]:
        """Return the group's name and permissions."""
        return {"name": saved.name, "permissions": sorted(saved.permissions.values_list("codename", flat=True))}

    def delete_model(self, request: HttpRequest, obj: Group) -> None:
        """Delete the group, and record the deletion."""
        run_in_transaction(partial(_delete_group, obj, by=author(request.user), before=self.facts(obj)))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Group]) -> None:
        """Delete each group, and record each deletion."""
        for group in queryset:
            self.delete_model(request, group)


def _delete_group(group: Group, *, by: Author, before: dict[str, Any]) -> None:
    group_id = str(group.pk)
    Group.objects.filter(pk=group.pk).delete()
    record_change("delete", Group, subject_id=group_id, by=by, before=before)


class ServerKeyForm(forms.ModelForm[ServerKey]):
    """The name of a new key, and what its holder may do."""

    scopes = forms.MultipleChoiceField(label=_("Scopes"), choices=Scope.choices, widget=forms.CheckboxSelectMultiple)

    class Meta:
        model = ServerKey
        fields = ("name", "scopes")


@admin.register(ServerKey)
class ServerKeyAdmin(RecordedAdmin):
    """Makes keys, shows each once, and revokes them. A key is never changed."""

    form = ServerKeyForm
    list_display = ("name", "start", "scopes", "created_at", "created_by", "last_used_at", "revoked_at")
    actions = ("revoke",)

    def facts(self, saved: ServerKey) -> dict[str, Any]:
        """Return the key's name and scopes."""
        return {"name": saved.name, "scopes": list(saved.scopes)}

    def has_change_permission(self, request: HttpRequest, obj: ServerKey | None = None) -> bool:
        """Forbid changes. A server that needs other scopes gets another key."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ServerKey | None = None) -> bool:
        """Forbid deletion, so that the list shows all keys that ever existed."""
        return False

    def get_fields(self, request: HttpRequest, obj: ServerKey | None = None) -> Any:
        """Return the names of the fields that the page shows. The hash is not among them."""
        return ("name", "scopes") if obj is None else self.list_display

    def save_model(self, request: HttpRequest, obj: ServerKey, form: Any, change: bool) -> None:
        """Make the key, and show it once."""
        key = new_key()
        obj.digest, obj.start = digest(key), key[:SHOWN_CHARACTERS]
        obj.created_at, obj.created_by = clock.now(), request.user.get_username()
        super().save_model(request, obj, form, change)
        text = _("The key is %(key)s. It is shown only this once.") % {"key": key}
        self.message_user(request, text, messages.WARNING)

    @admin.action(description=_("Revoke"), permissions=["add"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ServerKey]) -> None:
        """Revoke the selected keys."""
        if keys := chosen(self, request, queryset):
            run_in_transaction(partial(_revoke, keys, by=author(request.user)))
            self.message_user(request, _("Keys that were revoked: %(count)s") % {"count": len(keys)}, messages.SUCCESS)


def _revoke(keys: list[ServerKey], *, by: Author) -> None:
    for key in revoke(keys):
        record_change("revoke", key, by=by)
