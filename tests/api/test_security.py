"""The headers that restrict what browsers do with a response, and which origins may read it."""

from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from rest_framework.test import APIClient

ORIGIN = "https://studio.example.com"
ANSWERS = {
    "answer": ("/echo", 200),
    "no path": ("/no/such/path", 404),
    "refused": ("/private", 401),
    "error outside of DRF": ("/plain/raise/bug", 500),
    "bug": ("/raise/bug", 500),
}


@pytest.fixture
def policies(client: APIClient) -> Callable[[str], dict[str, str]]:
    names = ("X-Content-Type-Options", "X-Frame-Options", "Referrer-Policy", "Cross-Origin-Opener-Policy")

    def of(path: str) -> dict[str, str]:
        response = client.get(path)
        return {name: response[name] for name in (*names, "Cache-Control", "Content-Security-Policy")}

    return of


@pytest.mark.parametrize("path", [path for path, _status in ANSWERS.values()], ids=list(ANSWERS))
def test_every_answer_of_the_api_has_the_security_headers(policies: Callable[[str], dict[str, str]], path: str) -> None:
    assert policies(path) == {
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cache-Control": "no-store",
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    }


@pytest.mark.django_db
def test_pages_of_the_admin_run_no_foreign_scripts(policies: Callable[[str], dict[str, str]], settings: Any) -> None:
    settings.ROOT_URLCONF = "config.urls"

    assert policies("/admin/login/") == {
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cache-Control": "max-age=0, no-cache, no-store, must-revalidate, private",
        "Content-Security-Policy": (
            "default-src 'self'; img-src 'self' data:; "
            "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
        ),
    }


@pytest.mark.django_db
def test_static_file_has_no_policy_but_a_missing_one_has(client: APIClient, settings: Any) -> None:
    settings.ROOT_URLCONF, settings.WHITENOISE_AUTOREFRESH = "config.urls", False  # as in production
    with closing(client.get("/static/admin/css/base.css")) as file:
        missing = client.get("/static/nope.html")

    assert (file.status_code, "Content-Security-Policy" in file, file["X-Content-Type-Options"]) == (
        200,
        False,
        "nosniff",
    )
    assert (missing.status_code, missing["Content-Security-Policy"]) == (
        404,
        "default-src 'none'; frame-ancestors 'none'",
    )


def test_answer_to_a_refused_host_has_the_security_headers(client: APIClient, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["api.example.com"]
    response = client.get("/echo", headers={"Host": "evil.example.com"})

    assert (response.status_code, response["X-Content-Type-Options"], response["X-Frame-Options"]) == (
        *(400, "nosniff"),
        "DENY",
    )


def test_https_answers_forbid_plain_http(client: APIClient, settings: Any) -> None:
    settings.SECURE_HSTS_SECONDS = 3600

    assert client.get("/echo", secure=True)["Strict-Transport-Security"] == "max-age=3600"
    assert "Strict-Transport-Security" not in client.get("/echo")


@pytest.mark.parametrize(("header", "location"), [("https", None), ("http", "https://testserver/echo?a=1")])
def test_plain_http_is_redirected_to_https(client: APIClient, settings: Any, header: str, location: str | None) -> None:
    settings.SECURE_SSL_REDIRECT, settings.SECURE_PROXY_SSL_HEADER = True, ("HTTP_X_FORWARDED_PROTO", "https")
    response = client.get("/echo?a=1", headers={"X-Forwarded-Proto": header})
    settings.ROOT_URLCONF = "config.urls"

    assert (response.status_code, response.headers.get("Location")) == (301 if location else 200, location)
    assert client.get("/healthz", headers={"X-Forwarded-Proto": header}).status_code == 200


def test_forwarded_scheme_is_ignored_without_the_setting(client: APIClient, settings: Any) -> None:
    settings.SECURE_HSTS_SECONDS = 3600

    assert "Strict-Transport-Security" not in client.get("/echo", headers={"X-Forwarded-Proto": "https"})


def cors(response: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in response.items() if name.lower().startswith("access-control-")}


def preflight(client: APIClient, path: str, origin: str = ORIGIN) -> Any:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization, content-type"}
    return client.options(path, headers={"Origin": origin, **asked})


def test_preflight_names_what_pages_may_send(client: APIClient, settings: Any) -> None:
    settings.CORS_ALLOWED_ORIGINS = [ORIGIN]
    response = preflight(client, "/private")

    assert (response.status_code, response.content) == (200, b"")
    assert cors(response) == {
        "access-control-allow-origin": ORIGIN,
        "access-control-allow-methods": "GET, POST, PATCH, OPTIONS",
        "access-control-allow-headers": (
            "accept, accept-language, authorization, content-type, "
            "idempotency-key, if-match, if-none-match, x-request-id"
        ),
        "access-control-expose-headers": EXPOSED,
        "access-control-max-age": "86400",
    }


EXPOSED = "Content-Language, Date, ETag, Idempotent-Replay, Location, Retry-After, WWW-Authenticate, X-Request-ID"


@pytest.mark.parametrize("path", [path for path, _status in ANSWERS.values()], ids=list(ANSWERS))
def test_pages_of_an_allowed_origin_may_read_every_answer(client: APIClient, settings: Any, path: str) -> None:
    settings.CORS_ALLOWED_ORIGINS = [ORIGIN]
    response = client.get(path, headers={"Origin": ORIGIN})

    assert cors(response) == {"access-control-allow-origin": ORIGIN, "access-control-expose-headers": EXPOSED}
    assert "origin" in response["Vary"].lower()


@pytest.mark.parametrize("origin", ["https://evil.example.com", "http://studio.example.com", "null", f"{ORIGIN}:444"])
def test_other_origins_get_no_cors_headers(client: APIClient, settings: Any, origin: str) -> None:
    settings.CORS_ALLOWED_ORIGINS = [ORIGIN]

    assert cors(preflight(client, "/private", origin)) == {}
    assert cors(client.get("/echo", headers={"Origin": origin})) == {}


def test_no_origin_is_allowed_by_default(client: APIClient) -> None:
    assert cors(preflight(client, "/private")) == {}


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/admin", "/admin/", "/admin/login/", "/static/admin/css/base.css"])
def test_admin_has_no_cors_headers(client: APIClient, settings: Any, path: str) -> None:
    settings.ROOT_URLCONF, settings.CORS_ALLOWED_ORIGINS = "config.urls", [ORIGIN]
    settings.WHITENOISE_AUTOREFRESH = False  # as in production

    with closing(client.get(path, headers={"Origin": ORIGIN})) as response:
        assert cors(preflight(client, path)) == cors(response) == {}
