"""`/metrics` is open to this host and to callers with the token, and counts requests."""

from typing import Any

import pytest
from django.test import Client

from tests.factories.client import ApiClient
from tests.ops.metrics import scrape

pytestmark = pytest.mark.django_db

TOKEN = "a token for Prometheus"
ELSEWHERE = "203.0.113.7"


@pytest.fixture
def token(settings: Any) -> None:
    settings.METRICS_TOKEN = TOKEN


def ask(address: str, **headers: str) -> Any:
    return Client(REMOTE_ADDR=address).get("/metrics", headers={k.replace("_", "-"): v for k, v in headers.items()})


def assert_refused(response: Any) -> None:
    assert (response.status_code, response["Content-Type"]) == (401, "application/problem+json")
    assert (response.json()["code"], response["WWW-Authenticate"]) == ("not_authenticated", 'Bearer realm="api"')


@pytest.mark.parametrize("address", ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"])
def test_loopback_needs_no_token(token: None, address: str) -> None:
    response = ask(address)

    assert response.status_code == 200
    assert response["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert response["Cache-Control"] == "no-store"


@pytest.mark.parametrize("address", [ELSEWHERE, "::ffff:203.0.113.7", "2001:db8::1", "", "unix:", "10.0.0.1"])
def test_other_hosts_need_the_token(token: None, address: str) -> None:
    assert_refused(ask(address))
    assert ask(address, authorization=f"Bearer {TOKEN}").status_code == 200


@pytest.mark.parametrize(
    "header", ["X_Forwarded_For", "Forwarded", "X_Forwarded_Host", "X_Forwarded_Proto", "X_Real_IP", "Via"]
)
def test_request_through_a_proxy_is_not_local(token: None, header: str) -> None:
    assert_refused(ask("127.0.0.1", **{header: "127.0.0.1"}))
    assert_refused(ask("127.0.0.1", **{header: ""}))
    assert ask("127.0.0.1", authorization=f"Bearer {TOKEN}", **{header: ELSEWHERE}).status_code == 200


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", ELSEWHERE])
def test_behind_a_proxy_even_loopback_needs_the_token(token: None, settings: Any, address: str) -> None:
    settings.PROXIES = 1

    assert_refused(ask(address))
    assert_refused(ask(address, authorization="Bearer wrong"))
    assert ask(address, authorization=f"Bearer {TOKEN}").status_code == 200


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Bearer wrong", f"Basic {TOKEN}", TOKEN, "Bearer \u00e9"])
def test_wrong_token_is_refused(token: None, header: str) -> None:
    assert_refused(ask(ELSEWHERE, authorization=header))


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Bearer None", "Bearer x"])
def test_no_header_gives_access_if_no_token_is_configured(settings: Any, header: str) -> None:
    assert settings.METRICS_TOKEN == ""
    assert_refused(ask(ELSEWHERE, authorization=header))


@pytest.mark.parametrize("accept", ["", "text/plain", "*/*", "application/openmetrics-text, text/plain;q=0.5"])
def test_text_is_answered_if_accepted(accept: str) -> None:
    assert ask("127.0.0.1", accept=accept).status_code == 200


def test_request_that_accepts_only_json_is_refused() -> None:
    assert ask("127.0.0.1", accept="application/json").status_code == 406


def test_backends_are_labels(settings: Any) -> None:
    settings.CACHE_URL = "redis://cache.example.com"

    assert scrape().of("backends_info") == {("locmem", "redis", "locmem", "locmem"): 1}


def test_requests_are_counted_by_route(viewer_client: ApiClient) -> None:
    def counted(*labels: str) -> float:
        return before.samples.get("showgoals_http_requests_total", {}).get(labels, 0)

    before = scrape()
    for path in ("/goals/1", "/goals/2?token=hidden", "/no/such", "/also/none", "/healthz"):
        viewer_client.get(path)
    Client().generic("BREW", "/healthz")
    after = scrape()

    added = {
        labels: value - counted(*labels)
        for labels, value in after.of("http_requests_total").items()
        if value != counted(*labels)
    }
    assert added == {
        ("GET", "/goals/<str:goal_id>", "404"): 2,
        ("GET", "unmatched", "404"): 2,
        ("GET", "/healthz", "200"): 1,
        ("other", "/healthz", "405"): 1,
        ("GET", "/metrics", "200"): 1,  # the first scrape
    }
    assert after.of("http_request_seconds_count")["GET", "/goals/<str:goal_id>"] >= 2


def test_labels_contain_nothing_from_clients(viewer_client: ApiClient) -> None:
    viewer_client.get("/hidden?hidden=1")
    viewer_client.get("/sessions/hidden")

    assert b"hidden" not in Client().get("/metrics").content
