"""The admin's pages of users, with an action that ends their tokens, and of keys for servers."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from api.accounts import sign_out_everywhere
from api.models import Scope, ServerKey
from api.server_keys import SHOWN_CHARACTERS, digest, new_key, revoke
from config import clock

admin.site.unregister(User)


@admin.register(User)
class AccountAdmin(UserAdmin[User]):
    """Django's page of users, and signing them out."""

    actions = ("sign_out",)

    @admin.action(description=_("Sign out everywhere"), permissions=["change"])
    def sign_out(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """End all tokens and sessions of the selected users."""
        users = list(queryset)
        for user in users:
            sign_out_everywhere(user)
            self.log_change(request, user, str(_("Signed out everywhere.")))
        self.message_user(request, _("Users who were signed out: %(count)s") % {"count": len(users)}, messages.SUCCESS)


class ServerKeyForm(forms.ModelForm[ServerKey]):
    """The name of a new key, and what its holder may do."""

    scopes = forms.MultipleChoiceField(label=_("Scopes"), choices=Scope.choices, widget=forms.CheckboxSelectMultiple)

    class Meta:
        model = ServerKey
        fields = ("name", "scopes")


@admin.register(ServerKey)
class ServerKeyAdmin(admin.ModelAdmin[ServerKey]):
    """Makes keys, shows each once, and revokes them. A key is never changed."""

    form = ServerKeyForm
    list_display = ("name", "start", "scopes", "created_at", "created_by", "last_used_at", "revoked_at")
    actions = ("revoke",)

    def has_change_permission(self, request: HttpRequest, obj: ServerKey | None = None) -> bool:
        """Nobody changes a key: a server with other scopes gets another key."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ServerKey | None = None) -> bool:
        """Nobody deletes a key, so that it can be seen later who had one."""
        return False

    def get_fields(self, request: HttpRequest, obj: ServerKey | None = None) -> Any:
        """Leave out the hash."""
        return ("name", "scopes") if obj is None else self.list_display

    def save_model(self, request: HttpRequest, obj: ServerKey, form: Any, change: bool) -> None:
        """Make the key, and show it this once."""
        key = new_key()
        obj.digest, obj.start = digest(key), key[:SHOWN_CHARACTERS]
        obj.created_at, obj.created_by = clock.now(), request.user.get_username()
        super().save_model(request, obj, form, change)
        text = _("The key is %(key)s. It is shown only this once.") % {"key": key}
        self.message_user(request, text, messages.WARNING)

    @admin.action(description=_("Revoke"), permissions=["add"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ServerKey]) -> None:
        """Revoke the selected keys."""
        keys = list(queryset)
        revoke(keys)
        for key in keys:
            self.log_change(request, key, str(_("Revoked.")))
        self.message_user(request, _("Keys that were revoked: %(count)s") % {"count": len(keys)}, messages.SUCCESS)
