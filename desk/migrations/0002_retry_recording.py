"""Lets operators start failed recordings again, unless somebody has changed the permissions of their group."""

from importlib import import_module
from typing import Any

from django.apps import apps as installed
from django.contrib.auth.management import create_permissions
from django.db import migrations

ADDED = "retry_recording"
first: Any = import_module("desk.migrations.0001_groups")


def extend(apps: Any, schema_editor: Any) -> None:
    # Django creates permissions only after all migrations.
    create_permissions(installed.get_app_config("sessions_app"), verbosity=0)
    permission = apps.get_model("auth", "Permission").objects.get(codename=ADDED)
    for group in apps.get_model("auth", "Group").objects.filter(name="operator"):
        held = group.permissions.values_list("content_type__app_label", "codename")
        if {f"{app}.{codename}" for app, codename in held} == set(first.OPERATOR):
            group.permissions.add(permission)


class Migration(migrations.Migration):
    dependencies = [
        ("desk", "0001_groups"),
        ("sessions_app", "0007_retry_permission"),
    ]
    operations = [migrations.RunPython(extend, migrations.RunPython.noop)]
