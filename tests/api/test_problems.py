from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

PROBLEM = "application/problem+json"


def problem(status: int, title: str, code: str, detail: str, **more: Any) -> dict[str, Any]:
    return {"type": "about:blank", "title": title, "status": status, "code": code, "detail": detail, **more}


@pytest.mark.parametrize("path", ["/raise/", "/plain/raise/"])
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("missing", problem(404, "Not found", "not_found", "Not found.")),
        ("forbidden", problem(403, "Forbidden", "permission_denied", "You may not do this.")),
        ("suspicious", problem(400, "Bad request", "bad_request", "The request is not valid.")),
        ("bug", problem(500, "Internal server error", "error", "Something went wrong.")),
    ],
)
def test_error_is_answered_as_problem(client: APIClient, path: str, name: str, expected: dict[str, Any]) -> None:
    response = client.get(path + name)

    assert (response.status_code, response["Content-Type"], response.json()) == (expected["status"], PROBLEM, expected)


@pytest.mark.parametrize(
    ("name", "status", "words"),
    [
        ("missing", 404, "There is no such page"),
        ("forbidden", 403, "Your account lacks a permission."),
        ("suspicious", 400, "The address or the form is not valid"),
        ("bug", 500, "Something went wrong"),
        ("away", 503, "The database does not answer"),
    ],
)
def test_error_under_admin_is_a_page_in_words(client: APIClient, name: str, status: int, words: str) -> None:
    """The pages do not need the database, which this test cannot reach."""
    response = client.get(f"/admin/raise/{name}", headers={"X-Request-ID": "asked-by-phone"})

    assert (response.status_code, response["Content-Type"]) == (status, "text/html; charset=utf-8")
    text = response.content.decode()
    assert [part in text for part in (words, "asked-by-phone", 'href="/admin/"')] == [True] * 3


def test_error_page_is_in_the_language_of_the_reader(client: APIClient) -> None:
    response = client.get("/admin/raise/away?lang=zh-hant")

    assert "資料庫沒有回應" in response.content.decode()


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html; charset=utf-8"),
        ("application/json", PROBLEM),
        ("*/*", PROBLEM),
        ("", PROBLEM),
    ],
)
def test_browser_gets_a_page_for_an_unknown_path(client: APIClient, accept: str, content_type: str) -> None:
    response = client.get("/no/such/path", headers={"Accept": accept})

    assert (response.status_code, response["Content-Type"]) == (404, content_type)


def test_product_error_is_answered_with_its_code(client: APIClient) -> None:
    response = client.get("/raise/product")

    assert response["Content-Type"] == PROBLEM
    assert response.json() == problem(409, "Conflict", "order_taken", "Another order came first.")


@pytest.mark.parametrize(
    ("path", "seconds"),
    [("/raise/unavailable", "1"), ("/raise/away", "10"), ("/raise/orm_away", "10"), ("/plain/raise/away", "10")],
)
def test_mongodb_away_is_503_with_retry_after(client: APIClient, path: str, seconds: str) -> None:
    """If MongoDB does not respond, `Retry-After` is 10 s, about as long as the election of a primary takes."""
    response = client.get(path)

    assert response["Retry-After"] == seconds
    assert response.json() == problem(
        503, "Service unavailable", "unavailable", "The service is briefly unavailable. Please try again."
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("too_big", problem(413, "Payload too large", "payload_too_large", "The body is too large.")),
        ("cut_off", problem(400, "Bad request", "bad_request", "The request is not valid.")),
    ],
)
def test_unreadable_body_is_answered_as_problem(client: APIClient, name: str, expected: dict[str, Any]) -> None:
    assert client.get(f"/raise/{name}").json() == expected


def test_mongodb_away_under_admin_is_503(client: APIClient) -> None:
    response = client.get("/admin/raise/away")

    assert (response.status_code, response["Retry-After"]) == (503, "10")
    assert response["Content-Type"].startswith("text/html")


def test_throttled_is_429_with_retry_after(client: APIClient) -> None:
    response = client.get("/raise/throttled")

    assert response["Retry-After"] == "8"
    assert (response.status_code, response.json()["code"]) == (429, "throttled")


@pytest.mark.parametrize("debug", [True, False])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_unknown_path_is_404_problem(client: APIClient, settings: Any, method: str, *, debug: bool) -> None:
    settings.DEBUG = debug

    response = client.generic(method, "/no/such/path")

    assert response["Content-Type"] == PROBLEM
    assert response.json() == problem(404, "Not found", "not_found", "Not found.")


def test_wrong_method_is_405_with_allow(client: APIClient) -> None:
    response = client.delete("/users")

    assert response["Allow"] == "GET, HEAD, OPTIONS"
    assert response.json() == problem(405, "Method not allowed", "method_not_allowed", 'Method "DELETE" not allowed.')


def test_foreign_host_is_400_problem(client: APIClient, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["shows.example"]

    response = client.get("/echo", headers={"Host": "evil.example"})

    assert (response.status_code, response.json()["code"]) == (400, "bad_request")


def test_texts_are_in_the_language_asked_for(client: APIClient) -> None:
    response = client.get("/users?page_size=x&lang=zh-hant")

    assert (response.json()["code"], response["Content-Language"]) == ("invalid_page_size", "zh-hant")


def test_invalid_body_lists_each_error_with_its_pointer(post: Callable[..., Any]) -> None:
    body = b'{"owner_id": "12", "lines": [{"title": "tea", "amount": 1}, {"title": 5, "amount": 11, "a/b~c": 1}]}'

    response = post("/order", body)

    assert response.json() == problem(
        400,
        "Bad request",
        "invalid",
        "The request is not valid.",
        errors=[
            {"pointer": "/owner_id", "code": "invalid_id", "detail": "Must be an id of 24 hex digits."},
            {"pointer": "/lines/1/title", "code": "invalid_type", "detail": "Must be a string."},
            {
                "pointer": "/lines/1/amount",
                "code": "max_value",
                "detail": "Ensure this value is less than or equal to 10.",
            },
            {"pointer": "/lines/1/a~1b~0c", "code": "unknown_field", "detail": "This field is not known."},
        ],
    )


def test_errors_are_capped(post: Callable[..., Any]) -> None:
    names = ",".join(f'"field{number}": 1' for number in range(500))

    response = post("/order", f"{{{names}}}".encode())

    assert len(response.json()["errors"]) == 100
