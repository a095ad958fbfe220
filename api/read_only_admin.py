"""Admin pages that only show."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest


class UnchangedAdmin(admin.ModelAdmin[Any]):
    """A page on which nobody adds or changes anything. Rows are deleted with the permission to delete them."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Forbid it."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Forbid it."""
        return False


class ReadOnlyAdmin(UnchangedAdmin):
    """A page on which nobody deletes anything either."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Forbid it."""
        return False
