"""The system checks of the API's security settings: each fault has a number and a hint."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.checks import CheckMessage

from api.checks import check_deployment, check_hsts, check_origins, check_proxies, check_rates

Settings = Any


def found(check: Callable[[], list[CheckMessage]]) -> list[tuple[str | None, str]]:
    messages = check()
    assert all(message.hint for message in messages)
    return [(message.id, message.msg) for message in messages]


@pytest.mark.parametrize("check", [check_rates, check_proxies, check_origins, check_hsts])
def test_default_settings_are_right(check: Callable[[], list[CheckMessage]]) -> None:
    assert found(check) == []


@pytest.mark.parametrize("rate", ["", "10", "0/min", "-1/min", "10/minute", "10/5min", "1.5/s", " 1/s", "1/s\n"])
def test_invalid_rate_is_e001(settings: Settings, rate: str) -> None:
    settings.THROTTLE_RATES = settings.THROTTLE_RATES | {"user": rate}

    assert found(check_rates) == [("api.E001", f"THROTTLE_USER is not a rate: {rate!r}.")]


@pytest.mark.parametrize("rate", ["1/s", "60/min", "1000/hour", "999999999/day"])
def test_rates_are_read(settings: Settings, rate: str) -> None:
    settings.THROTTLE_RATES = settings.THROTTLE_RATES | {"user": rate}

    assert found(check_rates) == []


@pytest.mark.parametrize("proxies", [-1, 11])
def test_impossible_number_of_proxies_is_e002(settings: Settings, proxies: int) -> None:
    settings.PROXIES = proxies

    assert found(check_proxies) == [("api.E002", f"PROXIES must be from 0 to 10, not {proxies}.")]


def test_scheme_that_any_caller_may_claim_is_e003(settings: Settings) -> None:
    settings.PROXY_SSL_HEADER = True

    assert found(check_proxies) == [("api.E003", "PROXY_SSL_HEADER is on, but PROXIES is 0.")]
    settings.PROXIES = 1
    assert found(check_proxies) == []


@pytest.mark.parametrize(
    "origin",
    [
        *(
            "*",
            "null",
            "a.example.com",
            "https://",
            "https://a.example.com/",
            "//a.example.com",
        ),
        *("https://a.example.com?x", "https://A.example.com", "HTTPS://a.example.com", "https://me@a.example.com"),
        *("https://a.example.com:443", "http://a.example.com:80", "https://a.example.com:x", "https://*.example.com"),
        *("ftp://a.example.com", "file://", "https://b\u00fccher.example.com", "https://a.example.com:99999"),
    ],
)
def test_invalid_origin_is_e004(settings: Settings, origin: str) -> None:
    settings.CORS_ALLOWED_ORIGINS = [origin]

    assert found(check_origins) == [("api.E004", f"CORS_ALLOWED_ORIGINS: {origin!r} is not an origin.")]


@pytest.mark.parametrize(
    "origin",
    [
        *("https://a.example.com", "http://localhost:3000", "https://a.example.com:8443", "http://127.0.0.1:5173"),
        *("https://[2001:db8::1]", "https://xn--bcher-kva.example.com", "http://a.example.com:443"),
    ],
)
def test_valid_origins_are_accepted(settings: Settings, origin: str) -> None:
    settings.CORS_ALLOWED_ORIGINS = [origin]

    assert found(check_origins) == []


@pytest.mark.parametrize("seconds", [-1, 31_536_000_000])
def test_impossible_age_of_hsts_is_e005(settings: Settings, seconds: int) -> None:
    settings.SECURE_HSTS_SECONDS = seconds

    text = f"HSTS_SECONDS must be from 0 to 315360000 seconds, not {seconds}."
    assert found(check_hsts) == [("api.E005", text)]


def test_deployment_without_throttles_is_w001(settings: Settings) -> None:
    settings.THROTTLE = True
    assert found(check_deployment) == []
    settings.THROTTLE = False

    assert found(check_deployment) == [("api.W001", "THROTTLE is off.")]


def test_deployment_with_pages_over_plain_http_is_w002(settings: Settings) -> None:
    settings.THROTTLE, settings.CORS_ALLOWED_ORIGINS = True, ["http://a.example.com", "https://b.example.com"]

    text = "CORS_ALLOWED_ORIGINS allows pages that were loaded over plain HTTP: http://a.example.com."
    assert found(check_deployment) == [("api.W002", text)]
