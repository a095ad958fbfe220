"""Passwords are hashed with Argon2 and checked one at a time. An unknown user costs as much time as a known one."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher, get_hashers, make_password
from django.contrib.auth.models import User
from django.db import connections
from django.test import Client
from pymongo.errors import NetworkTimeout
from rest_framework.exceptions import Throttled
from rest_framework.test import APIClient

from api import passwords
from api.authentication import issue_access
from api.password_gate import MOST_WAITING, PasswordGate, gate
from api.passwords import Argon2Hasher, sign_in
from tests.api.conftest import PASSWORD
from tests.api.throttling import throttled
from tests.factories.documents import stored

pytestmark = pytest.mark.django_db

CALLED: list[str] = []


class Quick(PBKDF2PasswordHasher):
    """A fast version of the hasher that was used before Argon2."""

    iterations = 1000

    def encode(self, password: str, salt: str, iterations: int | None = None) -> str:
        CALLED.append("pbkdf2")
        return super().encode(password, salt, iterations)


class Recorded(Argon2Hasher):
    """The product's hasher, which records each use."""

    memory_cost = 16

    def encode(self, password: str, salt: str) -> str:
        CALLED.append("argon2")
        encoded: str = super().encode(password, salt)
        return encoded

    def verify(self, password: str, encoded: str) -> bool:
        CALLED.append("argon2")
        return bool(super().verify(password, encoded))


@pytest.fixture(autouse=True)
def _hashers(settings: Any) -> None:
    settings.PASSWORD_HASHERS = [f"{__name__}.Recorded", f"{__name__}.Quick"]


@pytest.fixture
def old(db: None) -> User:
    """A user whose password was hashed with the old hasher."""
    return User.objects.create(username="old", password=make_password(PASSWORD, hasher=Quick()))


def hash_of(user: User) -> str:
    return str(User.objects.get(pk=user.pk).password)


def test_new_passwords_are_hashed_with_argon2_of_one_thread() -> None:
    encoded = Argon2Hasher().encode(PASSWORD, "salt and pepper salt")

    assert encoded.startswith("argon2$argon2id$v=19$m=19456,t=2,p=1$")


def test_old_hash_is_replaced_at_sign_in_and_ends_no_token(client: APIClient, old: User) -> None:
    access = issue_access(old)
    assert hash_of(old).startswith("pbkdf2_sha256$")

    for _ in range(2):
        body = {"username": "old", "password": PASSWORD}
        assert client.post("/auth/token", body, format="json").status_code == 200

    assert hash_of(old).startswith("argon2$")
    assert client.get("/private", headers={"Authorization": f"Bearer {access}"}).status_code == 200
    assert stored("accounts") == []


def test_admin_keeps_the_session_that_replaces_the_hash(old: User, settings: Any) -> None:
    settings.ROOT_URLCONF = "config.urls"
    User.objects.filter(pk=old.pk).update(is_staff=True, is_superuser=True)
    browser = Client()

    browser.post("/admin/login/", {"username": "old", "password": PASSWORD})

    assert browser.get("/admin/").status_code == 200
    assert hash_of(old).startswith("argon2$")


def test_upgrade_does_not_bring_an_old_password_back(old: User) -> None:
    """A sign-in with the old password does not store a new hash of it if the user's password has changed meanwhile."""
    with ThreadPoolExecutor(1) as pool:
        with gate.turn():
            signing_in = pool.submit(in_thread, "old", PASSWORD)
            wait_until_somebody_waits()
            old.set_password("another password")
            old.save()
        found = signing_in.result()

    assert found is not None
    assert found.epoch == 0  # the tokens of epoch 0 ended with the change
    assert sign_in(None, "old", PASSWORD) is None
    assert sign_in(None, "old", "another password") is not None


def in_thread(username: str, password: str) -> Any:
    try:
        return sign_in(None, username, password)
    finally:
        connections.close_all()


def wait_until_somebody_waits() -> None:
    give_up_at = time.monotonic() + 10
    while gate._places._value == MOST_WAITING:
        assert time.monotonic() < give_up_at
        time.sleep(0.01)


@pytest.mark.parametrize("username", ["old", "mei", "nobody", "locked", "gone"])
def test_refusal_costs_the_same_for_every_name(user: User, old: User, username: str) -> None:
    User.objects.create(username="locked", password=make_password(None))
    User.objects.create(username="gone", password=make_password(PASSWORD), is_active=False)
    CALLED.clear()

    assert sign_in(None, username, "wrong") is None

    assert sorted(CALLED) == ["argon2", "pbkdf2"]
    assert len(get_hashers()) == 2


def test_inactive_user_with_the_right_password_is_refused(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)

    assert sign_in(None, "mei", PASSWORD) is None


def test_one_password_is_checked_at_a_time() -> None:
    small, running, most = PasswordGate(waiting=20), [0], [0]

    def check(_number: int) -> None:
        with small.turn():
            running[0] += 1
            most[0] = max(most[0], running[0])
            time.sleep(0.01)
            running[0] -= 1

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(check, range(20)))

    assert most == [1]


@pytest.fixture
def busy_gate() -> Iterator[PasswordGate]:
    """A gate at which one thread checks a password for a long time, and another one waits."""
    small, done, began = PasswordGate(waiting=1), threading.Event(), threading.Event()

    def hold() -> None:
        with small.turn():
            began.set()
            done.wait(10)

    def wait() -> None:
        with small.turn():
            pass

    with ThreadPoolExecutor(2) as pool:
        pool.submit(hold)
        began.wait(10)
        pool.submit(wait)
        while small._places._value:
            time.sleep(0.01)
        yield small
        done.set()


def test_sign_in_is_refused_at_once_if_too_many_wait(busy_gate: PasswordGate) -> None:
    began = time.monotonic()

    with pytest.raises(Throttled) as refusal, busy_gate.turn(patience=60):
        pass

    assert time.monotonic() - began < 5
    assert vars(refusal.value)["wait"] in {1, 2, 3}


def test_sign_in_that_waits_too_long_is_refused_and_leaves_the_gate() -> None:
    small = PasswordGate(waiting=1)
    with small.turn(), ThreadPoolExecutor(1) as pool, pytest.raises(Throttled):
        pool.submit(take_turn, small).result()

    take_turn(small)
    assert (small._places._value, small._turns._value) == (2, 1)


def take_turn(small: PasswordGate) -> None:
    with small.turn(patience=0.1):
        pass


def test_refusal_by_the_gate_is_no_failure(client: APIClient, user: User) -> None:
    with throttled(), ThreadPoolExecutor(MOST_WAITING) as pool, gate.turn():
        waiting = [pool.submit(in_thread, "nobody", "wrong") for _ in range(MOST_WAITING)]
        while gate._places._value:
            time.sleep(0.01)
        answer = client.post("/auth/token", {"username": "mei", "password": PASSWORD}, format="json")
        counts = [each["count"] for each in stored("throttle_counts")]

    assert (answer.status_code, answer.json()["code"], answer["Retry-After"] in {"1", "2", "3"}) == (
        429,
        "throttled",
        True,
    )
    assert counts == [0, 0]
    assert [each.exception() for each in waiting if each.exception() is not None] == []


@pytest.mark.parametrize("step", ["_read", "_upgraded"])
def test_sign_in_that_the_database_does_not_answer_is_no_failure(
    client: APIClient, old: User, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hang(*_arguments: object) -> None:
        raise NetworkTimeout

    with throttled():
        with monkeypatch.context() as patched:
            patched.setattr(passwords, step, hang)
            answer = client.post("/auth/token", {"username": "old", "password": PASSWORD}, format="json")

        assert (answer.status_code, {each["count"] for each in stored("throttle_counts")} - {0}) == (503, set())
