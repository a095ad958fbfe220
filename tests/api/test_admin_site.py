"""Odd ids, filters and forms on all pages of the admin, including the pages of other packages."""

from typing import Any
from urllib.parse import quote

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from api.chosen import MOST_AT_ONCE
from tests.factories.people import UserFactory

pytestmark = pytest.mark.django_db

ODD_IDS = ["x", "\0", "9" * 400, "\u0663" * 24, "$ne", "-1", "_5F", "f" * 3000]
NO_ID = "f" * 24


@pytest.fixture(autouse=True)
def _urls(settings: Any) -> None:
    settings.ROOT_URLCONF = "config.urls"


@pytest.fixture
def staff() -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(User.objects.create_superuser("root"))
    return client


def lists() -> list[str]:
    """Return the addresses of the lists of all models."""
    return [reverse(f"admin:{model._meta.label_lower.replace('.', '_')}_changelist") for model in admin.site._registry]


@pytest.mark.parametrize("odd", ODD_IDS, ids=ascii)
def test_action_on_an_invalid_id_is_refused(staff: Client, odd: str) -> None:
    form = {"action": "delete_selected", "_selected_action": [NO_ID, odd]}
    statuses = {path: staff.post(path, form).status_code for path in lists()}

    takes_text = {path for path in statuses if "/django_q/" in path}  # some ids of django-q are texts
    assert {path: status for path, status in statuses.items() if path not in takes_text} == dict.fromkeys(
        statuses.keys() - takes_text, 400
    )
    assert {statuses[path] for path in takes_text} <= {200, 302, 400}


@pytest.mark.parametrize("form", [{}, {"post": "yes"}], ids=["asked", "confirmed"])
def test_more_rows_than_a_page_shows_are_not_deleted_at_once(staff: Client, form: dict[str, str]) -> None:
    groups = [Group.objects.create(name=f"Group {number}") for number in range(MOST_AT_ONCE + 1)]
    delete = {"action": "delete_selected", **form}
    path = reverse("admin:auth_group_changelist")

    everything = {"select_across": "1", "_selected_action": [str(groups[0].pk)]}
    page = staff.post(path, {**delete, **everything}, follow=True).content.decode()
    assert "This can be done for at most 50 rows at once. Nothing was done." in page
    assert Group.objects.count() == len(groups)

    few = {"_selected_action": [str(group.pk) for group in groups[1:]], "post": "yes"}
    page = staff.post(path, {**delete, **few}, follow=True).content.decode()
    assert "Successfully deleted 50 groups." in page
    assert [group.pk for group in Group.objects.all()] == [groups[0].pk]


@pytest.mark.parametrize("odd", ODD_IDS, ids=ascii)
def test_page_of_an_invalid_id_is_not_shown(staff: Client, odd: str) -> None:
    pages = [f"{path}{quote(odd)}/{page}" for path in lists() for page in ("change/", "history/", "delete/", "decide/")]

    assert {staff.get(page).status_code for page in pages} <= {302, 403, 404}


@pytest.mark.parametrize(
    "query",
    ["username__regex=[", "password__startswith=p", "id__gt=x", "pk__year=1", f"date_joined__year={10**20}", "nope=1"],
)
def test_only_the_filters_of_a_list_can_be_asked(staff: Client, query: str) -> None:
    assert {staff.get(f"{path}?{query}").status_code for path in lists()} == {400}


def test_list_in_the_language_of_its_address(staff: Client) -> None:
    found = {path: staff.get(f"{path}?lang=zh-hant") for path in lists()}

    assert {answer.status_code for answer in found.values()} == {200}
    assert "變更紀錄" in found[reverse("admin:api_changerecord_changelist")].content.decode()


@pytest.mark.parametrize(
    ("model", "query"),
    [
        ("auth_user", "is_staff__exact=1"),
        ("auth_user", "groups__isnull=True"),
        ("goals_goal", "status=live&kind__exact=ShowGoal"),
        ("goals_goal", "payments=waiting"),
        ("sessions_app_session", "status__exact=live"),
        ("sessions_app_recording", "state__exact=failed"),
    ],
)
def test_filters_of_a_list_work(staff: Client, model: str, query: str) -> None:
    assert staff.get(f"{reverse(f'admin:{model}_changelist')}?{query}").status_code == 200


@pytest.mark.parametrize(
    "query", ["p=-1", f"p={'9' * 400}", "o=x.-9", "q=%00", "_to_field=x", "_popup=x", "all=", "e=x"]
)
def test_odd_parameters_of_a_list_are_no_error(staff: Client, query: str) -> None:
    assert {staff.get(f"{path}?{query}").status_code for path in lists()} <= {200, 302, 400}


@pytest.mark.parametrize("path", ["r/x/y/", "r/1/1/", f"r/{NO_ID}/{NO_ID}/", "%00/", "nope/nope/nope/"])
def test_address_that_the_admin_does_not_have_is_not_found(staff: Client, path: str) -> None:
    assert staff.get(f"/admin/{path}").status_code == 404


@pytest.mark.parametrize("asked", ["1", "-1", "3", "-2.1", "6", "-9", "x"])
def test_long_lists_are_in_the_order_of_an_index(staff: Client, asked: str) -> None:
    """A list can be reversed. It can't be sorted by another column, not even with an address typed by hand."""
    for model, page in admin.site._registry.items():
        if page.sortable_by is not None:
            address = reverse(f"admin:{model._meta.label_lower.replace('.', '_')}_changelist")
            order = staff.get(f"{address}?o={asked}").context["cl"].queryset.query.order_by

            own = tuple(page.ordering or ())
            turned = tuple(field[1:] if field.startswith("-") else f"-{field}" for field in own)
            assert order in ((own, turned) if page.sortable_by else (own,))


def test_lists_that_can_only_be_sorted_by_columns_of_indexes() -> None:
    limited = {
        model._meta.label: tuple(page.sortable_by)
        for model, page in admin.site._registry.items()
        if page.sortable_by is not None
    }

    assert limited == {
        "api.ChangeRecord": (),
        "auth.User": ("username",),
        "django_q.Failure": (),
        "django_q.OrmQ": (),
        "django_q.Success": (),
        "goals.Goal": ("created_at",),
        "sessions_app.Recording": ("requested_at",),
        "sessions_app.Session": ("created_at",),
        "webhooks.Attempt": (),
    }


def test_list_is_turned_round_by_its_sortable_column(staff: Client) -> None:
    UserFactory.create_batch(2)

    lists = {order: staff.get(f"/admin/auth/user/?o={order}").context["cl"].result_list for order in ("1", "-1", "2")}

    names = {order: [user.username for user in users] for order, users in lists.items()}
    assert len(names["1"]) == 3
    assert names == {"1": sorted(names["1"]), "-1": sorted(names["1"], reverse=True), "2": sorted(names["1"])}
