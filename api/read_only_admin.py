"""Admin pages that only display rows."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest


class UnchangedAdmin(admin.ModelAdmin[Any]):
    """A page on which nobody adds or changes anything. Users with the permission to delete may delete rows."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Forbid additions."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Forbid changes."""
        return False


class ReadOnlyAdmin(UnchangedAdmin):
    """A page on which nobody adds, changes or deletes anything."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Forbid deletion."""
        return False
