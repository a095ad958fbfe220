"""The admin's page of users, with an action that ends their tokens."""

from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from api.accounts import sign_out_everywhere

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
