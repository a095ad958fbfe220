import re
from typing import Any

import pytest
from rest_framework.test import APIClient

from api.request_id import current_request_id

NEW = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")


@pytest.mark.parametrize("incoming", ["a", "A-9", "x" * 64])
def test_harmless_request_id_is_kept(client: APIClient, incoming: str) -> None:
    response = client.get("/echo", headers={"X-Request-ID": incoming})

    assert (response["X-Request-ID"], response.json()["request_id"]) == (incoming, incoming)


@pytest.mark.parametrize("incoming", ["", "x" * 65, "a b", "a_b", "a\n", "\u00e9"])
def test_other_request_id_is_replaced(client: APIClient, incoming: str) -> None:
    response = client.get("/echo", headers={"X-Request-ID": incoming})

    assert NEW.fullmatch(response["X-Request-ID"])
    assert response.json()["request_id"] == response["X-Request-ID"]


@pytest.mark.parametrize(
    "path", ["/raise/bug", "/plain/raise/bug", "/raise/missing", "/no/such/path", "/admin/raise/bug"]
)
def test_errors_have_a_request_id(client: APIClient, path: str) -> None:
    assert client.get(path, headers={"X-Request-ID": "mine"})["X-Request-ID"] == "mine"


def test_request_id_is_forgotten_after_the_request(client: APIClient) -> None:
    client.get("/echo", headers={"X-Request-ID": "mine"})

    assert current_request_id() == "-"


@pytest.mark.parametrize(
    ("query", "header", "language"),
    [
        ("", "", "en"),
        ("?lang=zh-hant", "", "zh-hant"),
        ("?lang=zh-Hant", "en", "zh-hant"),
        ("?lang=zh_TW", "", "zh-hant"),
        ("?lang=zh-TW", "", "zh-hant"),
        ("?lang=zh-HK", "", "zh-hant"),
        ("?lang=en-GB", "zh-hant", "en"),
        ("?lang=fr", "zh-TW,zh;q=0.9", "zh-hant"),
        ("?lang=fr", "de", "en"),
        ("?lang=" + "x" * 5000, "", "en"),
        ("?lang=%00", "zh-hant", "zh-hant"),
        ("?lang=", "zh-hant", "zh-hant"),
        ("", "fr, zh-Hant-TW;q=0.8, en;q=0.1", "zh-hant"),
        ("", "*", "en"),
    ],
)
def test_language_is_chosen(client: APIClient, query: str, header: str, language: str) -> None:
    response = client.get(f"/echo{query}", headers={"Accept-Language": header})

    yes = {"en": "Yes", "zh-hant": "\u662f"}[language]
    assert (response["Content-Language"], response.json()["yes"]) == (language, yes)
    assert "Accept-Language" in response["Vary"]


def test_language_of_the_last_request_does_not_stay(client: APIClient) -> None:
    languages = [client.get(f"/echo{query}")["Content-Language"] for query in ("?lang=zh-hant", "")]

    assert languages == ["zh-hant", "en"]


def test_language_cookie_is_ignored(client: APIClient, settings: Any) -> None:
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = "zh-hant"

    assert client.get("/echo")["Content-Language"] == "en"
