"""The HTML shells of the two pages are the same for everybody, and have a strict Content-Security-Policy."""

import re
from typing import Any

import pytest
from rest_framework.test import APIClient

PATHS = ("/shows/{}", "/watch/{}")
ALWAYS = (
    "default-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'; "
)
PUSHER_JS = "https://js.pusher.com/8.6.0/pusher.min.js"
HASH = "sha384-yz6oLe92Sren05O3WPhu8DK05E9PEkh7kTQJ819acmwKwcCMwJXGu9Kta5wYhfaJ"


def pusher(**options: Any) -> dict[str, Any]:
    keys = {"app_id": "1", "key": "key", "secret": "secret"}
    return {"BACKEND": "notifications.backends.pusher.PusherRealtime", "OPTIONS": {**keys, **options}}


@pytest.mark.parametrize("path", PATHS)
def test_shell_is_the_same_for_every_id_and_caller(client: APIClient, path: str) -> None:
    answers = [
        client.get(path.format("6811bfd5d273022b46570ae5")),
        client.get(path.format("nonsense")),
        client.get(path.format("6811bfd5d273022b46570ae5"), headers={"Authorization": "Bearer nonsense"}),
    ]

    assert {(answer.status_code, answer.content) for answer in answers} == {(200, answers[0].content)}
    assert [answer.cookies for answer in answers] == [{}, {}, {}]
    assert (answers[0]["Content-Type"], answers[0]["Cache-Control"]) == (
        "text/html; charset=utf-8",
        "public, max-age=60",
    )


@pytest.mark.parametrize("path", PATHS)
def test_shell_has_nothing_inline(client: APIClient, path: str) -> None:
    html = client.get(path.format("any")).content.decode()

    assert [tag for tag in re.findall("<script[^>]*>", html) if "src=" not in tag] == []
    assert re.findall(r"<style|\sstyle=|\son\w+=|javascript:", html) == []


@pytest.mark.parametrize("path", PATHS)
def test_shell_speaks_the_readers_language(client: APIClient, path: str) -> None:
    english, chinese = (client.get(path.format("any") + f"?lang={language}") for language in ("en", "zh-hant"))

    assert (english["Content-Language"], chinese["Content-Language"]) == ("en", "zh-hant")
    assert '<html lang="zh-hant">' in chinese.content.decode()
    assert (b"Sign in" in english.content, b"Sign in" in chinese.content) == (True, False)


@pytest.mark.parametrize(
    ("options", "socket"),
    [
        ({"cluster": "ap1"}, "wss://ws-ap1.pusher.com:443"),
        ({"host": "ws.example.com", "port": 6001, "ssl": False}, "ws://ws.example.com:6001"),
    ],
)
def test_policy_allows_exactly_the_configured_host(client: APIClient, settings: Any, options: Any, socket: str) -> None:
    settings.REALTIME = pusher(**options)
    settings.PUSHER_JS_URL, settings.PUSHER_JS_INTEGRITY = PUSHER_JS, HASH
    answer = client.get("/shows/any")

    assert answer["Content-Security-Policy"] == f"{ALWAYS}script-src 'self' {PUSHER_JS}; connect-src 'self' {socket}"
    assert f'src="{PUSHER_JS}" integrity="{HASH}" crossorigin="anonymous" async' in answer.content.decode()


def test_without_a_vendor_the_policy_allows_no_other_host(client: APIClient, settings: Any) -> None:
    settings.REALTIME = {"BACKEND": "notifications.backends.console.ConsoleRealtime", "OPTIONS": {}}
    answer = client.get("/shows/any")

    assert answer["Content-Security-Policy"] == f"{ALWAYS}script-src 'self'; connect-src 'self'"
    assert b"pusher-js" not in answer.content


def test_other_methods_are_refused_as_by_the_api(client: APIClient) -> None:
    answer = client.delete("/shows/any")

    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
