from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

pytestmark = pytest.mark.django_db


@pytest.fixture
def names() -> list[str]:
    """Create five users. Return their names, the newest first."""
    for number in range(5):
        User.objects.create(username=f"user{number}")
    return ["user4", "user3", "user2", "user1", "user0"]


def pages(client: APIClient, link: str | None, direction: str) -> list[list[str]]:
    found = []
    while link:
        page: dict[str, Any] = client.get(link).json()
        found.append(page["results"])
        link = page[direction]
    return found


@pytest.mark.usefixtures("names")
def test_pages_lead_to_the_end_and_back(client: APIClient) -> None:
    forward = pages(client, "/users?page_size=2&lang=en", "next")
    last = client.get(client.get(client.get("/users?page_size=2").json()["next"]).json()["next"]).json()

    assert forward == [["user4", "user3"], ["user2", "user1"], ["user0"]]
    assert pages(client, last["previous"], "previous") == [["user2", "user1"], ["user4", "user3"]]


def test_one_page_has_no_links(client: APIClient, names: list[str]) -> None:
    assert client.get("/users").json() == {"next": None, "previous": None, "results": names}


@pytest.mark.usefixtures("names")
def test_link_keeps_the_query_and_has_no_trailing_slash(client: APIClient) -> None:
    link = client.get("/users?page_size=2&lang=en").json()["next"]

    assert link.startswith("http://testserver/users?cursor=")
    assert link.endswith("&lang=en&page_size=2")


@pytest.mark.usefixtures("names")
def test_newer_rows_do_not_shift_the_next_page(client: APIClient) -> None:
    link = client.get("/users?page_size=2").json()["next"]
    User.objects.create(username="newer")

    assert client.get(link).json()["results"] == ["user2", "user1"]


@pytest.mark.parametrize("cursor", ["x", "%00", "cD16eno=", "cD0=", "bz1h", "bz0tMQ==", "\u4e2d", "cj14"])
def test_bad_cursor_is_400(client: APIClient, cursor: str) -> None:
    response = client.get(f"/users?cursor={cursor}")

    assert (response.status_code, response.json()["code"]) == (400, "invalid_cursor")


@pytest.mark.parametrize("size", ["", "0", "-1", "201", "1.0", "x", "\u0663", "9" * 5000])
def test_bad_page_size_is_400(client: APIClient, size: str) -> None:
    response = client.get(f"/users?page_size={size}")

    assert (response.status_code, response.json()["code"]) == (400, "invalid_page_size")
