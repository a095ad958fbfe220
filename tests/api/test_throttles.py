"""Requests count against the limits of users, addresses and names. Requests above a limit are refused."""

import logging
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import RequestFactory
from rest_framework.settings import api_settings
from rest_framework.test import APIClient

from api.attempts import Attempt, begin_attempt
from api.authentication import issue_access
from tests.api.conftest import PASSWORD
from tests.api.throttling import NOW, throttled
from tests.factories.documents import stored
from tests.factories.tokens import refresh_token

pytestmark = pytest.mark.django_db

Post = Callable[..., Any]
ELSEWHERE = "192.0.2.1"


@pytest.fixture(autouse=True)
def _one_window() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


def statuses(ask: Callable[[], Any], times: int) -> list[int]:
    return [ask().status_code for _ in range(times)]


def as_user(user: User) -> dict[str, str]:
    return {"Authorization": f"Bearer {issue_access(user)}"}


def sign_in(client: APIClient, username: str = "mei", password: str = PASSWORD, address: str = "127.0.0.1") -> Any:
    body = {"username": username, "password": password}
    return client.post("/auth/token", body, format="json", REMOTE_ADDR=address)


def begin(number: int) -> Attempt:
    """Begin to sign the user in from the address with this number, without checking a password yet."""
    return begin_attempt(RequestFactory().get("/", REMOTE_ADDR=f"198.51.100.{number}"), "mei")


def refresh(client: APIClient, token: str) -> Any:
    return client.post("/auth/token/refresh", {"refresh": token}, format="json")


def test_refusal_has_retry_after(client: APIClient, bearer: dict[str, str]) -> None:
    with throttled(user="2/hour"):
        assert statuses(lambda: client.get("/private", headers=bearer), 2) == [200, 200]
        response = client.get("/private", headers=bearer)

    assert response["Content-Type"] == "application/problem+json"
    assert re.fullmatch("[1-9][0-9]*", response["Retry-After"])
    assert 0 < int(response["Retry-After"]) <= 3600
    assert response.json() == {
        "type": "about:blank",
        "title": "Too many requests",
        "status": 429,
        "code": "throttled",
        "detail": f"Too many requests. Please try again in {response['Retry-After']} s.",
    }


def test_request_after_retry_after_is_answered(client: APIClient, bearer: dict[str, str]) -> None:
    with throttled(user="1/min"):
        client.get("/private", headers=bearer)
        seconds = int(client.get("/private", headers=bearer)["Retry-After"])
        found = []
        for passed in (seconds - 1, seconds):
            with time_machine.travel(NOW.timestamp() + passed, tick=False):
                found.append(client.get("/private", headers=bearer).status_code)

    assert found == [429, 200]


def test_signed_in_callers_of_one_address_do_not_share_a_count(client: APIClient) -> None:
    crowd = [as_user(User.objects.create(username=f"viewer-{number}")) for number in range(30)]
    with throttled(user="2/min", address="1/min"):
        found = [client.get("/private", headers=headers).status_code for headers in crowd * 3]

    assert found == [200] * 60 + [429] * 30


def test_user_is_counted_over_all_addresses_and_endpoints(client: APIClient, bearer: dict[str, str]) -> None:
    with throttled(user="2/min"):
        for address in ("192.0.2.1", "192.0.2.2"):
            client.get("/private", headers=bearer, REMOTE_ADDR=address)

        assert client.post("/once", {"name": "x"}, headers=bearer).status_code == 429


@pytest.mark.parametrize("authorization", ["", "Bearer garbage", "Token x"])
def test_unauthorised_are_counted_by_address(client: APIClient, bearer: dict[str, str], authorization: str) -> None:
    headers = {"Authorization": authorization} if authorization else {}
    with throttled(address="2/min"):
        found = statuses(lambda: client.get("/private", headers=headers), 3)
        elsewhere = client.get("/private", headers=headers, REMOTE_ADDR="192.0.2.9").status_code
        signed_in = client.get("/private", headers=bearer).status_code

    assert (found, elsewhere, signed_in) == ([401, 401, 429], 401, 200)


def test_public_views_are_counted_by_address(client: APIClient) -> None:
    with throttled(address="2/min"):
        assert statuses(lambda: client.get("/echo"), 3) == [200, 200, 429]


def test_health_is_not_counted(client: APIClient, settings: Any) -> None:
    settings.ROOT_URLCONF = "config.urls"
    with throttled(address="1/min"):
        assert statuses(lambda: client.get("/healthz"), 5) == [200] * 5


def test_throttles_can_be_switched_off(client: APIClient, settings: Any) -> None:
    settings.THROTTLE_RATES = dict.fromkeys(settings.THROTTLE_RATES, "1/day")

    assert statuses(lambda: client.get("/echo"), 5) == [200] * 5
    assert statuses(lambda: sign_in(client, password="wrong"), 5) == [401] * 5
    assert stored("throttle_counts") == []


def test_password_cannot_be_guessed_from_many_addresses(client: APIClient, user: User) -> None:
    with throttled(login_name="3/hour"):
        found = [
            sign_in(client, password=f"guess {number}", address=f"192.0.2.{number}").status_code for number in range(5)
        ]

        assert found == [401, 401, 401, 429, 429]
        assert sign_in(client).status_code == 429  # otherwise the status would reveal whether the password is right


@pytest.mark.usefixtures("user")
def test_refusal_does_not_tell_whether_the_user_exists(client: APIClient) -> None:
    with throttled(login_name="2/hour"):
        answers = {
            name: [(answer := sign_in(client, name, "wrong")).status_code, answer.json()["code"]]
            for name in ("mei", "nobody") * 3
        }

    assert answers["mei"] == answers["nobody"] == [429, "throttled"]
    assert [document["count"] for document in stored("throttle_counts") if "name" in document["_id"]] == [2, 2]


def test_right_passwords_are_not_counted_for_the_name(client: APIClient, user: User) -> None:
    with throttled(login_name="2/hour"):
        sign_in(client, password="wrong")

        assert statuses(lambda: sign_in(client), 5) == [200] * 5
        assert statuses(lambda: sign_in(client, password="wrong", address=ELSEWHERE), 2) == [401, 429]


def test_right_passwords_at_one_moment_wait_a_moment_only(client: APIClient, user: User) -> None:
    """Attempts that are still being checked count against the limit, so later attempts are refused for a moment."""
    with throttled(login_name="2/hour", login_address="4/hour"):
        sign_in(client, password="wrong")
        begun = begin(1)
        refused = [sign_in(client, address=ELSEWHERE) for _ in range(6)]
        assert {answer.status_code for answer in refused} == {429}
        assert {int(answer["Retry-After"]) for answer in refused} <= {1, 2, 3}

        begun.succeed()
        assert statuses(lambda: sign_in(client, address=ELSEWHERE), 3) == [200] * 3


def test_undecided_attempts_allow_no_more_guesses(client: APIClient, user: User) -> None:
    with throttled(login_name="3/hour"):
        begun = [begin(number) for number in range(3)]
        assert sign_in(client, password="wrong").status_code == 429
        for attempt in begun:
            attempt.fail()

        answer = sign_in(client)
        assert (answer.status_code, int(answer["Retry-After"]) > 3) == (429, True)
        assert [document["pending"] for document in stored("throttle_counts") if "name" in document["_id"]] == [0]


def test_right_passwords_are_not_counted_for_the_address(client: APIClient, user: User) -> None:
    with throttled(login_address="3/min"):
        found = [sign_in(client, name).status_code for name in ("mei", "a", "mei", "b", "mei", "mei", "c", "d", "e")]

    assert found == [200, 401, 200, 401, 200, 200, 401, 429, 429]


def test_user_whom_strangers_lock_out_signs_in_at_a_known_place(client: APIClient, user: User) -> None:
    with throttled(login_name="2/hour"):
        assert sign_in(client).status_code == 200
        strangers = statuses(lambda: sign_in(client, password="wrong", address=ELSEWHERE), 3)

        assert (strangers, sign_in(client, address=ELSEWHERE).status_code) == ([401, 401, 429], 429)
        assert statuses(lambda: sign_in(client), 5) == [200] * 5
        # Another person at this address has only as many guesses as the limit of the name allows.
        assert statuses(lambda: sign_in(client, password="wrong"), 3) == [401, 401, 429]


def test_user_who_is_locked_out_does_not_spend_the_allowance_of_a_known_place(client: APIClient, user: User) -> None:
    with throttled(login_name="2/hour", login_address="3/hour"):
        sign_in(client)
        statuses(lambda: sign_in(client, password="wrong", address=ELSEWHERE), 2)

        assert statuses(lambda: sign_in(client), 6) == [200] * 6
        # Wrong passwords use up the allowance of the address.
        assert statuses(lambda: sign_in(client, password="wrong"), 1) == [401]
        assert statuses(lambda: sign_in(client, "nobody", "wrong"), 3) == [401, 401, 429]


def test_address_that_is_over_its_limit_lets_its_own_users_in(client: APIClient, user: User) -> None:
    User.objects.create_user("new", password=PASSWORD)
    with throttled(login_address="2/hour"):
        sign_in(client)
        statuses(lambda: sign_in(client, "nobody", "wrong"), 3)

        assert [sign_in(client, name).status_code for name in ("mei", "new", "nobody")] == [200, 429, 429]


def test_place_is_forgotten_after_a_month(client: APIClient, user: User) -> None:
    with throttled(login_name="1/day"):
        sign_in(client)
        with time_machine.travel(NOW + timedelta(days=30), tick=False):
            assert statuses(lambda: sign_in(client, password="wrong"), 2) == [401, 429]


def test_malformed_sign_ins_are_counted_by_address(client: APIClient) -> None:
    with throttled(address="3/hour"):
        found = [
            client.post(path, body, content_type=kind).status_code
            for path, body, kind in (
                ("/auth/token", "{}", "application/json"),
                ("/auth/token/refresh", "{", "application/json"),
                ("/auth/token", "x", "text/plain"),
                ("/auth/token", "{}", "application/json"),
            )
        ]

    assert found == [400, 400, 415, 429]


def test_locked_out_user_keeps_working_with_a_refresh_token(client: APIClient, user: User) -> None:
    token = refresh_token(user)
    with throttled(login_name="1/hour", login_address="1/hour"):
        statuses(lambda: sign_in(client, password="wrong"), 2)

        assert refresh(client, token).status_code == 200


def test_refreshes_are_counted_by_user(client: APIClient, user: User) -> None:
    mine, another = (refresh_token(each) for each in (user, User.objects.create(username="another")))
    with throttled(user="2/hour", address="1/hour"):
        assert statuses(lambda: refresh(client, mine), 3) == [200, 200, 429]
        assert refresh(client, another).status_code == 200


def test_bad_refresh_tokens_are_counted_by_address(client: APIClient) -> None:
    with throttled(address="2/hour"):
        assert statuses(lambda: refresh(client, "x"), 3) == [401, 401, 429]


def test_names_are_stored_and_logged_as_a_hash(client: APIClient, caplog: pytest.LogCaptureFixture) -> None:
    with throttled(login_name="1/hour"), caplog.at_level(logging.DEBUG):
        statuses(lambda: sign_in(client, "my password, by mistake", "wrong"), 2)

    assert "my password" not in f"{stored('throttle_counts')}{caplog.text}"
    assert re.search(r"throttled login_name:[0-9a-f]{32} for=[0-9]+s", caplog.text)


@pytest.mark.parametrize(
    ("proxies", "forwarded", "second"),
    [
        (0, ["192.0.2.1", "192.0.2.2"], 429),  # without proxies, the caller wrote the header
        (1, ["192.0.2.1", "192.0.2.2"], 200),
        (1, ["192.0.2.7, 192.0.2.1", "192.0.2.8, 192.0.2.1"], 429),  # only the address that the proxy appended counts
        (2, ["192.0.2.1, 198.51.100.1", "192.0.2.2, 198.51.100.1"], 200),
    ],
)
def test_forwarded_address_counts_only_from_our_proxies(
    client: APIClient, monkeypatch: pytest.MonkeyPatch, proxies: int, forwarded: list[str], second: int
) -> None:
    monkeypatch.setattr(api_settings, "NUM_PROXIES", proxies)
    with throttled(address="1/min"):
        found = [client.get("/echo", headers={"X-Forwarded-For": each}).status_code for each in forwarded]

    assert found == [200, second]


def admin_login(client: APIClient, password: str) -> Any:
    return client.post("/admin/login/", {"username": "boss", "password": password, "next": "/admin/"})


@pytest.fixture
def boss(settings: Any) -> User:
    settings.ROOT_URLCONF = "config.urls"
    return User.objects.create_superuser("boss", password=PASSWORD)


@pytest.mark.usefixtures("boss")
def test_admin_and_api_count_wrong_passwords_together(client: APIClient) -> None:
    with throttled(login_name="3/hour"):
        found = [admin_login(client, "wrong").status_code, sign_in(client, "boss", "wrong").status_code]
        admin_login(client, "wrong")
        refused = admin_login(client, PASSWORD)

        assert (found, sign_in(client, "boss").status_code) == ([200, 401], 429)
    assert "Too many requests. Please try again in" in refused.content.decode()


@pytest.mark.usefixtures("boss")
def test_admin_lets_the_right_password_in_and_counts_the_others_by_address(client: APIClient) -> None:
    with throttled(login_address="2/hour"):
        found = [admin_login(client, PASSWORD).status_code for _ in range(5)]
        refused = [sign_in(client, name, "wrong").status_code for name in ("a", "b", "c")]

    assert (found, refused) == ([302] * 5, [401, 401, 429])
