"""Permissions in the reader's language, for the forms of users and groups. Django stores their names in English."""

from typing import Any

from django.contrib.auth.models import Permission
from django.forms import ModelMultipleChoiceField
from django.utils.translation import gettext_lazy as _

OF_EACH_MODEL = {
    "add": _("Can add %s"),
    "change": _("Can change %s"),
    "delete": _("Can delete %s"),
    "view": _("Can view %s"),
}


class WithPermissionNames:
    """Makes a page's forms show each permission with the name that `name_of` returns."""

    def formfield_for_manytomany(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        """Return the field of the form."""
        own = {"form_class": PermissionField} if db_field.related_model is Permission else {}
        parent: Any = super()
        return parent.formfield_for_manytomany(db_field, request, **kwargs, **own)


class PermissionField(ModelMultipleChoiceField[Permission]):
    """Lists permissions by their app, their model, and what they allow."""

    def label_from_instance(self, permission: Any) -> str:
        """Return a label such as "Goals | goal | Can send events again"."""
        return f"{permission.content_type} | {name_of(permission)}"


def name_of(permission: Permission) -> str:
    """Return what the permission allows, or its stored name if the code no longer has its model."""
    model = permission.content_type.model_class()
    if model is None:
        return permission.name
    action, _underscore, name = permission.codename.partition("_")
    if name == model._meta.model_name and action in OF_EACH_MODEL:
        return str(OF_EACH_MODEL[action]) % model._meta.verbose_name
    return str(dict(model._meta.permissions).get(permission.codename, permission.name))
