"""Refresh tokens rotate. A token that is used more than half a minute after its rotation ends its sign-in, as signing
out does.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.db import connections
from django.test import Client
from rest_framework.test import APIClient

from api.authentication import issue_access
from api.known_users import known_users
from tests.api.conftest import PASSWORD
from tests.factories.documents import stored
from tests.factories.legacy import legacy_token
from tests.factories.tokens import refresh_token

pytestmark = pytest.mark.django_db

Pair = dict[str, str]


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    # Far in the future, because MongoDB deletes expired sign-ins.
    with time_machine.travel(datetime(2099, 3, 1, 12, 0, 0, tzinfo=UTC), tick=False) as coordinates:
        yield coordinates


def sign_in(client: APIClient) -> Pair:
    pair: Pair = client.post("/auth/token", {"username": "mei", "password": PASSWORD}, format="json").json()
    return pair


def refresh(client: APIClient, token: str) -> Any:
    return client.post("/auth/token/refresh", {"refresh": token}, format="json")


def status(client: APIClient, access: str) -> int:
    """Return the status of a request for which the account is read from MongoDB anew."""
    known_users.forget()
    return client.get("/private", headers={"Authorization": f"Bearer {access}"}).status_code


def sign_out(client: APIClient, access: str, body: Any = None) -> Any:
    return client.post("/auth/sign-out", body, format="json", headers={"Authorization": f"Bearer {access}"})


def test_refresh_tokens_follow_one_another(client: APIClient, user: User, clock: time_machine.Traveller) -> None:
    pairs = [sign_in(client)]
    for _ in range(3):
        clock.shift(600)
        pairs.append(refresh(client, pairs[-1]["refresh"]).json())

    assert len({token for pair in pairs for token in pair.values()}) == 8
    assert [status(client, pair["access"]) for pair in pairs] == [200] * 4
    assert [(each["number"], len(each["rotated_at"])) for each in stored("sign_ins")] == [(3, 3)]


def test_refresh_token_lasts_fourteen_days_from_its_own_issue(
    client: APIClient, user: User, clock: time_machine.Traveller
) -> None:
    first = sign_in(client)["refresh"]
    clock.shift(timedelta(days=13))
    second = refresh(client, first).json()["refresh"]
    clock.shift(timedelta(days=13))

    assert (refresh(client, first).status_code, refresh(client, second).status_code) == (401, 200)


def test_same_refresh_token_answers_the_same_pair_for_half_a_minute(
    client: APIClient, user: User, clock: time_machine.Traveller
) -> None:
    first = sign_in(client)["refresh"]
    second = refresh(client, first).json()
    third = refresh(client, second["refresh"]).json()
    clock.shift(30)

    assert [refresh(client, token).json() for token in (first, second["refresh"])] == [second, third]
    assert refresh(client, third["refresh"]).status_code == 200


def test_refresh_token_that_is_used_later_ends_its_sign_in(
    client: APIClient, user: User, clock: time_machine.Traveller
) -> None:
    other = sign_in(client)
    first = sign_in(client)
    second = refresh(client, first["refresh"]).json()
    clock.shift(31)

    answers = [refresh(client, token) for token in (first["refresh"], second["refresh"], first["refresh"])]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(401, "not_authenticated")] * 3
    assert [status(client, access) for access in (first["access"], second["access"])] == [401, 401]
    assert (status(client, other["access"]), refresh(client, other["refresh"]).status_code) == (200, 200)


def test_refreshes_at_once_answer_the_same_pair(client: APIClient, user: User) -> None:
    token = sign_in(client)["refresh"]

    def ask(_number: int) -> str:
        try:
            return str(sorted(refresh(APIClient(), token).json().items()))
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(ask, range(24)))

    assert (len(answers), [each["number"] for each in stored("sign_ins")]) == (1, [1])


def test_token_of_a_database_that_was_restored_goes_on(client: APIClient, user: User) -> None:
    """After a restoration, a refresh token works even if the backup was made before the user signed in."""
    second = refresh(client, sign_in(client)["refresh"]).json()["refresh"]
    connections["default"].get_collection("sign_ins").delete_many({})  # type: ignore[attr-defined]

    assert refresh(client, second).status_code == 200
    assert [each["number"] for each in stored("sign_ins")] == [2]


def test_signing_out_ends_the_tokens_of_this_sign_in(client: APIClient, user: User) -> None:
    mine, other = sign_in(client), sign_in(client)
    later = refresh(client, mine["refresh"]).json()

    answer = sign_out(client, later["access"])

    assert (answer.status_code, answer.content) == (204, b"")
    assert [status(client, pair["access"]) for pair in (mine, later, other)] == [401, 401, 200]
    assert [refresh(client, pair["refresh"]).status_code for pair in (mine, later, other)] == [401, 401, 200]


def test_signing_out_before_any_refresh_ends_the_refresh_token(client: APIClient, user: User) -> None:
    pair = sign_in(client)

    assert sign_out(client, pair["access"], {"everywhere": False}).status_code == 204
    assert refresh(client, pair["refresh"]).status_code == 401
    assert sign_out(client, pair["access"]).status_code == 401


def test_signing_out_everywhere_ends_all_tokens(client: APIClient, user: User) -> None:
    pairs = [sign_in(client) for _ in range(2)]

    assert sign_out(client, pairs[0]["access"], {"everywhere": True}).status_code == 204

    assert [status(client, pair["access"]) for pair in pairs] == [401, 401]
    assert [refresh(client, pair["refresh"]).status_code for pair in pairs] == [401, 401]
    assert status(client, sign_in(client)["access"]) == 200
    assert stored("accounts") == [{"_id": user.pk, "epoch": 1}]


def test_signing_out_everywhere_ends_sessions_in_the_admin(client: APIClient, user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_staff=True)
    browsers = [Client(), Client()]
    for browser, whose in zip(browsers, (user, User.objects.create_superuser("boss")), strict=True):
        browser.force_login(whose)

    sign_out(client, sign_in(client)["access"], {"everywhere": True})

    assert [each["session_key"] for each in stored("django_session")] == [browsers[1].session.session_key]


@pytest.mark.parametrize("body", [{"everywhere": 1}, {"all": True}, []])
def test_wrong_body_signs_nobody_out(client: APIClient, user: User, body: Any) -> None:
    access = sign_in(client)["access"]

    assert sign_out(client, access, body).status_code == 400
    assert status(client, access) == 200


def test_tokens_from_before_stay_valid_until_they_expire(
    client: APIClient, user: User, clock: time_machine.Traveller
) -> None:
    access, token = legacy_token(user), legacy_token(user, "refresh")
    first, again = (refresh(client, token).json() for _ in range(2))
    clock.shift(timedelta(days=13))
    later = refresh(client, token).json()

    assert (first == again, first == later) == (True, False)
    assert (status(client, access), status(client, later["access"])) == (401, 200)
    clock.shift(timedelta(days=1, seconds=5))
    assert refresh(client, token).status_code == 401
    assert refresh(client, later["refresh"]).status_code == 200


@pytest.mark.parametrize("body", [{}, {"everywhere": True}], ids=str)
def test_tokens_from_before_end_by_signing_out(client: APIClient, user: User, body: Any) -> None:
    token = legacy_token(user, "refresh")
    pair = refresh(client, token).json()

    sign_out(client, pair["access"], body)

    assert (refresh(client, token).status_code, status(client, pair["access"])) == (401, 401)


def test_access_token_without_a_sign_in_signs_out_everywhere(client: APIClient, user: User) -> None:
    tokens = [legacy_token(user), issue_access(user)]

    assert sign_out(client, tokens[0]).status_code == 204
    assert [status(client, token) for token in tokens] == [401, 401]


def test_host_whose_clock_is_five_seconds_ahead_issues_good_tokens(
    client: APIClient, user: User, clock: time_machine.Traveller
) -> None:
    tokens = []
    for seconds in (5, 1):
        clock.shift(seconds)
        tokens.append(issue_access(user))
    clock.shift(-6)

    assert [status(client, token) for token in tokens] == [200, 401]


def test_kinds_of_tokens_have_keys_of_their_own(client: APIClient, user: User) -> None:
    assert refresh(client, issue_access(user)).status_code == 401
    assert status(client, refresh_token(user)) == 401


def test_key_can_be_changed_while_tokens_are_out(client: APIClient, user: User, settings: Any) -> None:
    pair, before = sign_in(client), legacy_token(user)
    old, settings.SECRET_KEY = settings.SECRET_KEY, "another key, as long as a key must be at the least"
    assert [status(client, token) for token in (pair["access"], before)] == [401, 401]

    settings.SECRET_KEY_FALLBACKS = [old]

    assert [status(client, token) for token in (pair["access"], before)] == [200, 200]
    renewed = refresh(client, pair["refresh"]).json()
    settings.SECRET_KEY_FALLBACKS = []
    assert status(client, renewed["access"]) == 200
