"""Makes the groups support, operator and auditor, unless there is a group with that name.

Until now, staff who may change goals could also cancel shows and send events again. They get the new permissions, so
that they still can.
"""

from typing import Any

from django.apps import apps as installed
from django.contrib.auth.management import create_permissions
from django.db import migrations

LOOK = (
    *("goals.view_goal", "sessions_app.view_session", "sessions_app.view_recording", "auth.view_user"),
    *("django_q.view_success", "django_q.view_failure", "django_q.view_schedule", "django_q.view_ormq"),
    *("api.view_changerecord", "webhooks.view_endpoint", "webhooks.view_attempt"),
)
SUPPORT = (*LOOK, "goals.change_goal", "goals.send_again")
OPERATOR = (
    *SUPPORT,
    *("goals.cancel_goal", "goals.decide_settlement", "showgoals.exclude_payers", "webhooks.change_endpoint"),
    *("django_q.resubmit_failure", "django_q.delete_failure", "django_q.delete_success"),
    *("django_q.delete_schedule", "django_q.delete_ormq", "api.view_serverkey", "api.add_serverkey"),
)
AUDITOR = (*LOOK, "auth.view_group", "api.view_serverkey")
GROUPS = {"support": SUPPORT, "operator": OPERATOR, "auditor": AUDITOR}
ADDED = ("goals.cancel_goal", "goals.send_again")


def create(apps: Any, schema_editor: Any) -> None:
    for app in sorted({name.partition(".")[0] for name in (*OPERATOR, *AUDITOR)}):
        # Django creates permissions only after all migrations.
        create_permissions(installed.get_app_config(app), verbosity=0)
    extend_grants(apps)
    make_groups(apps)


def extend_grants(apps: Any) -> None:
    """Give the new permissions to the users and groups that may change goals, except to the new group support."""
    changing, added = _permission(apps, "goals.change_goal"), [_permission(apps, each) for each in ADDED]
    for user in apps.get_model("auth", "User").objects.filter(user_permissions=changing):
        user.user_permissions.add(*added)
    support = {_permission(apps, each).pk for each in SUPPORT}
    for group in apps.get_model("auth", "Group").objects.filter(permissions=changing):
        if set(group.permissions.values_list("pk", flat=True)) != support:
            group.permissions.add(*added)


def make_groups(apps: Any) -> None:
    """Make the groups that do not exist, and fill those that an interrupted run has left without permissions."""
    for name, permissions in GROUPS.items():
        group, is_new = apps.get_model("auth", "Group").objects.get_or_create(name=name)
        if is_new or not group.permissions.exists():
            group.permissions.add(*(_permission(apps, each) for each in permissions))


def _permission(apps: Any, name: str) -> Any:
    app, _dot, codename = name.partition(".")
    return apps.get_model("auth", "Permission").objects.get(content_type__app_label=app, codename=codename)


class Migration(migrations.Migration):
    dependencies = [
        ("api", "0005_change_records"),
        ("auth", "0002_username_index"),
        ("contenttypes", "0001_initial"),
        ("django_q", "0002_results_as_text"),
        ("goals", "0013_permissions"),
        ("sessions_app", "0005_newest"),
        ("showgoals", "0006_own_contributions"),
        ("webhooks", "0002_webhooks"),
    ]
    operations = [migrations.RunPython(create, migrations.RunPython.noop)]
