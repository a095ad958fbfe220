"""The groups that a migration makes, and what each of them can do on every page and with every button."""

from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.urls import reverse

from api.models import ChangeRecord
from goals.models import Goal
from sessions_app.models import Session
from tests.factories.client import ApiClient
from tests.factories.goals import HOUR, ShowFundingGoalFactory, ShowGoalFactory, whole_second
from tests.factories.people import StaffFactory, UserFactory

pytestmark = pytest.mark.django_db
migration: Any = import_module("desk.migrations.0001_groups")
second: Any = import_module("desk.migrations.0002_retry_recording")
ADDED = {"operator": {"sessions_app.retry_recording"}}
GROUPS = ("support", "operator", "auditor")
# The groups that may open the list of a model. Every group may open the lists that are not named here.
LISTS = {
    "auth.Group": {"auditor"},
    "api.ServerKey": {"operator", "auditor"},
}
# Which groups may use each action of a list.
ACTIONS = {
    ("goals.Goal", "cancel"): {"operator"},
    ("goals.Goal", "redeliver"): {"support", "operator"},
    ("auth.User", "sign_out"): set(),
    ("api.ServerKey", "revoke"): {"operator"},
    ("webhooks.Endpoint", "enable"): {"operator"},
    ("webhooks.Endpoint", "disable"): {"operator"},
    ("webhooks.Endpoint", "send_test_event"): {"operator"},
    ("webhooks.Endpoint", "send_untaken"): {"operator"},
    ("webhooks.Attempt", "send_again"): {"operator"},
    ("django_q.Failure", "resubmit"): {"operator"},
    ("django_q.Failure", "delete_selected"): {"operator"},
    ("django_q.Success", "delete_selected"): {"operator"},
    ("django_q.Schedule", "delete_selected"): {"operator"},
    ("django_q.OrmQ", "delete_selected"): {"operator"},
}


@pytest.fixture(autouse=True)
def _groups() -> None:
    """Create the groups. Each test begins with an empty database, which has permissions but no groups."""
    migration.create(apps, None)
    second.extend(apps, None)


def member(group: str) -> Client:
    person: User = StaffFactory(permissions=())
    person.groups.add(Group.objects.get(name=group))
    client = Client(raise_request_exception=False)
    client.force_login(person)
    return client


def held(group: str) -> set[str]:
    permissions = Group.objects.get(name=group).permissions.values_list("content_type__app_label", "codename")
    return {f"{app}.{codename}" for app, codename in permissions}


def test_groups_have_what_the_migration_lists() -> None:
    expected = {name: set(migration.GROUPS[name]) | ADDED.get(name, set()) for name in GROUPS}
    assert {name: held(name) for name in GROUPS} == expected


def test_new_permissions_leave_alone_what_people_have_changed() -> None:
    operator = Group.objects.get(name="operator")
    operator.permissions.remove(Permission.objects.get(codename="cancel_goal"))
    operator.permissions.remove(Permission.objects.get(codename="retry_recording"))
    second.extend(apps, None)

    assert held("operator") == set(migration.OPERATOR) - {"goals.cancel_goal"}


def test_what_people_have_changed_stays() -> None:
    support = Group.objects.get(name="support")
    support.permissions.set([Permission.objects.get(codename="view_goal")])
    migration.create(apps, None)

    assert held("support") == {"goals.view_goal"}
    assert Group.objects.filter(name__in=GROUPS).count() == 3


def test_support_gets_no_cancel_if_the_migration_runs_twice() -> None:
    migration.create(apps, None)

    assert held("support") == set(migration.SUPPORT)


def test_who_could_change_goals_can_still_cancel_and_send_again() -> None:
    crew = Group.objects.create(name="crew")
    crew.permissions.add(Permission.objects.get(codename="change_goal"))
    person: User = StaffFactory(permissions=("change_goal",))
    onlooker: User = StaffFactory(permissions=("view_goal",))
    migration.create(apps, None)

    assert held("crew") == {"goals.change_goal", "goals.cancel_goal", "goals.send_again"}
    assert person.has_perms(["goals.cancel_goal", "goals.send_again"])
    assert not onlooker.has_perm("goals.send_again")


@pytest.mark.parametrize("group", GROUPS)
def test_lists_that_each_group_opens(group: str) -> None:
    client = member(group)
    statuses = {model._meta.label: client.get(_list(model)).status_code for model in admin.site._registry}
    expected = {label: 200 if group in LISTS.get(label, GROUPS) else 403 for label in statuses}

    assert statuses == expected


@pytest.mark.parametrize("group", GROUPS)
def test_actions_that_each_group_has(group: str) -> None:
    client = member(group)
    offered = set()
    for model in admin.site._registry:
        page = client.get(_list(model))
        offered |= {(model._meta.label, name) for name, _text in _choices(page)}

    assert offered == {action for action, groups in ACTIONS.items() if group in groups}


@pytest.mark.parametrize(
    ("page", "groups"),
    [
        ("move/", {"support", "operator"}),
        ("start-now/", {"support", "operator"}),
        ("revive/", {"support", "operator"}),
        ("cancel/", {"operator"}),
        ("close/", {"operator"}),
        ("send-again/", {"support", "operator"}),
        ("retry-recording/", {"operator"}),
        ("decide/", {"operator"}),
    ],
)
def test_buttons_that_each_group_has(session: Session, page: str, groups: set[str]) -> None:
    show = _show(session)
    url = reverse("admin:goals_goal_change", args=[show.pk]).replace("change/", page)

    refused = {group for group in GROUPS if member(group).get(url).status_code == 403}

    assert refused == set(GROUPS) - groups


@pytest.mark.parametrize(("group", "expected"), [("support", 403), ("operator", 200), ("auditor", 403)])
def test_taking_a_payer_out_and_back_in_is_for_operators(
    session: Session, viewer: User, group: str, expected: int
) -> None:
    funding_goal = ShowFundingGoalFactory(session=session, closed=True, paid_by=[viewer])
    client = member(group)

    for page in ("exclude", "include"):
        url = reverse(f"decisions:{page}", args=[funding_goal.pk, viewer.pk])
        answers = [client.get(url), client.post(url, {"reason": "A chargeback."}, follow=True)]
        assert [answer.status_code for answer in answers] == [expected] * 2
    assert ChangeRecord.objects.count() == (2 if expected == 200 else 0)


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("page", ["deactivate/", "reactivate/", "password/", "delete/"])
def test_no_group_changes_users(group: str, page: str) -> None:
    person: User = UserFactory()
    url = reverse("admin:auth_user_change", args=[person.pk]).replace("change/", page)
    client = member(group)

    assert [client.get(url).status_code, client.post(url, {}).status_code] == [403, 403]
    assert User.objects.get(pk=person.pk).is_active


@pytest.mark.parametrize(
    ("call", "groups"),
    [
        ("extend", {"support", "operator"}),
        ("end", {"operator"}),
        ("redeliver", {"support", "operator"}),
    ],
)
def test_calls_of_the_api_that_each_group_may_make(session: Session, call: str, groups: set[str]) -> None:
    show = _show(session)
    body = {"seconds": 1} if call == "extend" else {}
    answered = {}
    for group in GROUPS:
        person: User = StaffFactory(permissions=())
        person.groups.add(Group.objects.get(name=group))
        answered[group] = ApiClient(person).post(f"/goals/{show.pk}/{call}", body).status

    assert {group for group, status in answered.items() if status != 404} == groups  # 409: the show has not started


def _show(session: Session) -> Goal:
    show: Goal = ShowGoalFactory(
        funding_goal=ShowFundingGoalFactory(session=session, closed=True), nbf=whole_second() + HOUR
    )
    return show


def _list(model: Any) -> str:
    return reverse(f"admin:{model._meta.label_lower.replace('.', '_')}_changelist")


def _choices(page: Any) -> list[tuple[str, str]]:
    form = page.context and page.context.get("action_form")
    return [choice for choice in form.fields["action"].choices if choice[0]] if form else []
