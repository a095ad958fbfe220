from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier, Event
from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIClient, APIRequestFactory

from api.authentication import issue_access
from api.idempotency import (
    IdempotencyInProgress,
    IdempotencyKeyRequired,
    IdempotencyKeyReused,
    InvalidIdempotencyKey,
    require_key,
    respond_once,
)
from api.models import IdempotencyRecord
from config.errors import ProductError
from mongodb.collections import collection

pytestmark = pytest.mark.django_db


@pytest.fixture
def create(client: APIClient, bearer: dict[str, str]) -> Callable[..., Any]:
    """Post a name with a key: `create(name, key, query)`."""

    def send(name: str, key: str | None = "k1", query: str = "") -> Any:
        headers = bearer if key is None else {**bearer, "Idempotency-Key": key}
        return client.post(f"/once{query}", {"name": name}, format="json", headers=headers)

    return send


def created(name: str) -> int:
    return User.objects.filter(username__startswith=name).count()


def request_with(user: User, key: str) -> Request:
    request = Request(APIRequestFactory().post("/shows", headers={"Idempotency-Key": key}))
    request.user = user
    return request


def test_same_request_gets_the_first_answer_again(create: Callable[..., Any]) -> None:
    first, second = create("show"), create("show")

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert ("Idempotent-Replay" in first, second["Idempotent-Replay"]) == (False, "true")
    assert first["Location"] == second["Location"] == f"/once/{first.json()['id']}"
    assert created("show") == 1


def test_request_without_a_key_is_not_recorded(create: Callable[..., Any]) -> None:
    assert create("show", None).status_code == 201
    assert IdempotencyRecord.objects.count() == 0


def test_language_makes_no_other_request(create: Callable[..., Any]) -> None:
    create("show", query="?type=show&lang=en")

    assert create("show", query="?lang=zh-hant&type=show")["Idempotent-Replay"] == "true"


@pytest.mark.parametrize(("name", "query"), [("other", ""), ("show", "?type=show")])
def test_other_request_with_the_key_is_422(create: Callable[..., Any], name: str, query: str) -> None:
    create("show")

    response = create(name, query=query)

    assert (response.status_code, response.json()["code"]) == (422, "idempotency_key_reused")
    assert created("other") == 0


def test_formatting_of_the_body_makes_no_other_request(post: Callable[..., Any], bearer: dict[str, str]) -> None:
    headers = {**bearer, "Idempotency-Key": "k1"}

    post("/once", b'{"name": "show", "note": 1}', **headers)
    again = post("/once", b'{"note":1,"name":"show"}', **headers)
    other = post("/once", b'{"note":1.0,"name":"show"}', **headers)

    assert (again["Idempotent-Replay"], other.status_code) == ("true", 422)


def test_key_of_another_user_is_another_key(create: Callable[..., Any], client: APIClient) -> None:
    create("show")
    other = User.objects.create(username="other-user")
    headers = {"Authorization": f"Bearer {issue_access(other)}", "Idempotency-Key": "k1"}

    response = client.post("/once", {"name": "second"}, format="json", headers=headers)

    assert (response.status_code, response.json()["name"]) == (201, "second")


def test_error_is_not_kept(create: Callable[..., Any]) -> None:
    failed = create("taken")

    assert (failed.status_code, failed.json()["code"]) == (409, "order_taken")
    assert (created("taken"), IdempotencyRecord.objects.count()) == (0, 0)
    assert create("show").status_code == 201


@pytest.mark.parametrize("key", ["", "x" * 256, "\u00e9", "a\tb", "a\x7fb", "k,k", "k, k", ","])
def test_bad_key_is_400(create: Callable[..., Any], key: str) -> None:
    response = create("show", key)

    assert (response.status_code, response.json()["code"]) == (400, "invalid_idempotency_key")
    assert created("show") == 0


@pytest.mark.parametrize("key", ["a", "x" * 255, "a b!~"])
def test_key_is_printable_ascii_without_a_comma(create: Callable[..., Any], key: str) -> None:
    assert create("show", key).status_code == 201


@pytest.mark.parametrize(
    ("headers", "error"),
    [({}, IdempotencyKeyRequired), ({"Idempotency-Key": "\u00e9"}, InvalidIdempotencyKey)],
)
def test_required_key_is_asked_for(headers: dict[str, str], error: type[ProductError]) -> None:
    with pytest.raises(error):
        require_key(Request(APIRequestFactory().post("/shows", headers=headers)))


def test_record_expires_after_a_day(create: Callable[..., Any], user: User) -> None:
    answer = create("show").json()

    record = IdempotencyRecord.objects.get()
    left = record.expires_at - datetime.now(UTC)
    assert timedelta(hours=23, minutes=59) < left <= timedelta(hours=24)
    assert record.pk.startswith(f"{user.pk}:")
    assert (record.status, record.body) == (201, f'{{"id":"{answer["id"]}","name":"show"}}')


def test_index_lets_records_expire() -> None:
    indexes = collection("idempotency_keys").index_information()

    assert indexes["expires_at_ttl"] == {"v": 2, "key": [("expires_at", 1)], "expireAfterSeconds": 0}


def test_second_request_meets_the_first_one_running(user: User) -> None:
    running, go_on = Event(), Event()

    def effect() -> dict[str, str]:
        running.set()
        assert go_on.wait(10)
        return {"name": User.objects.create(username="slow").username}

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(respond_once, request_with(user, "k1"), effect)
        assert running.wait(10)
        with pytest.raises(IdempotencyInProgress):
            respond_once(request_with(user, "k1"), effect)
        go_on.set()
        answered = first.result()

    again = respond_once(request_with(user, "k1"), effect)
    assert (answered.data, again.data, again.status_code) == ({"name": "slow"}, {"name": "slow"}, 201)
    assert created("slow") == 1


def test_reused_key_of_a_running_request_is_in_progress_then_422(user: User) -> None:
    other = Request(APIRequestFactory().post("/sessions", headers={"Idempotency-Key": "k1"}))
    other.user = user
    respond_once(request_with(user, "k1"), dict)

    with pytest.raises(IdempotencyKeyReused):
        respond_once(other, dict)


def test_transaction_that_runs_again_leaves_one_effect(user: User, fail_command: Callable[..., None]) -> None:
    fail_command("update", errorCode=112, errorLabels=["TransientTransactionError"])
    runs: list[User] = []

    def effect() -> dict[str, int]:
        runs.append(User.objects.create(username=f"effect{len(runs)}"))
        return {"run": len(runs)}

    response = respond_once(request_with(user, "k1"), effect)

    assert (response.data, created("effect"), IdempotencyRecord.objects.count()) == ({"run": 2}, 1, 1)


def test_answer_that_is_known_beforehand_is_kept_with_the_key(user: User) -> None:
    def effect() -> Iterator[dict[str, str]]:
        yield {"name": "known"}
        assert IdempotencyRecord.objects.get().body == '{"name":"known"}'
        User.objects.create(username="known")

    first, second = (respond_once(request_with(user, "k1"), effect) for _ in range(2))

    assert (first.data, second.data, second["Idempotent-Replay"]) == ({"name": "known"}, {"name": "known"}, "true")
    assert created("known") == 1


def test_answer_that_is_known_beforehand_is_not_kept_if_the_effect_fails(user: User) -> None:
    def effect() -> Iterator[dict[str, str]]:
        yield {"name": "known"}
        raise IdempotencyKeyReused

    for key in ({"Idempotency-Key": "k1"}, {}):
        request = Request(APIRequestFactory().post("/shows", headers=key))
        request.user = user
        with pytest.raises(IdempotencyKeyReused):
            respond_once(request, effect)
    assert IdempotencyRecord.objects.count() == 0


def test_crashed_request_can_be_tried_again(user: User) -> None:
    def crash() -> None:
        User.objects.create(username="half")
        raise SystemExit

    with pytest.raises(SystemExit):
        respond_once(request_with(user, "k1"), crash)
    retried = respond_once(request_with(user, "k1"), lambda: {"fine": True})

    assert (retried.data, "Idempotent-Replay" in retried, created("half")) == ({"fine": True}, False, 0)


def test_simultaneous_requests_have_one_effect(user: User) -> None:
    requests = 12
    together = Barrier(requests)

    def send(number: int) -> str:
        def effect() -> dict[str, int]:
            User.objects.create(username=f"effect{number}")
            return {"number": number}

        together.wait(10)
        try:
            response: Response = respond_once(request_with(user, "k1"), effect)
        except IdempotencyInProgress:
            return "in progress"
        return "replay" if "Idempotent-Replay" in response else "first"

    with ThreadPoolExecutor(requests) as pool:
        outcomes = Counter(pool.map(send, range(requests)))

    assert (outcomes["first"], outcomes["first"] + outcomes["replay"] + outcomes["in progress"]) == (1, requests)
    assert created("effect") == 1
