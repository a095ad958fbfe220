"""Sixty people sign in at the same moment, and a payer who asks for a token does not notice."""

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
import requests
from django.contrib.auth.hashers import PBKDF2PasswordHasher, make_password
from django.contrib.auth.models import User

from api.authentication import issue_access
from api.passwords import Argon2Hasher
from sessions_app.models import Session
from tests.crash.server import KillableServer
from tests.factories.people import PASSWORD

pytestmark = [pytest.mark.django_db, pytest.mark.e2e, pytest.mark.long]

CROWD = 60
HASHERS = {"argon2": Argon2Hasher(), "pbkdf2": PBKDF2PasswordHasher()}


@pytest.fixture
def server(child_environment: dict[str, str]) -> Iterator[KillableServer]:
    server = KillableServer(child_environment | {"THROTTLE": "on"})
    server.start()
    yield server
    server.close()


def sign_in(url: str, username: str, password: str) -> tuple[int, bool, float]:
    """Return the status, whether the response has a `Retry-After`, and how many seconds it took."""
    began, body = time.monotonic(), {"username": username, "password": password}
    answer = requests.post(f"{url}/auth/token", json=body, timeout=30)
    return answer.status_code, "Retry-After" in answer.headers, time.monotonic() - began


@pytest.mark.parametrize("password", [PASSWORD, "wrong"])
@pytest.mark.parametrize("kind", HASHERS)
def test_payer_does_not_wait_for_sign_ins(
    server: KillableServer, session: Session, viewer: User, kind: str, password: str
) -> None:
    encoded = make_password(PASSWORD, hasher=HASHERS[kind])
    User.objects.bulk_create(User(username=f"guest {number}", password=encoded) for number in range(CROWD))
    call, bearer = f"{server.url}/sessions/{session.pk}/token", {"Authorization": f"Bearer {issue_access(viewer)}"}
    waits, is_over = [], Event()

    def pay() -> None:
        while not is_over.is_set():
            began = time.monotonic()
            assert requests.get(call, headers=bearer, timeout=30).status_code == 200
            waits.append(time.monotonic() - began)

    with ThreadPoolExecutor(CROWD + 1) as pool:
        paying = pool.submit(pay)
        found = list(pool.map(lambda number: sign_in(server.url, f"guest {number}", password), range(CROWD)))
        is_over.set()
        paying.result()

    statuses = Counter(status for status, _retry, _seconds in found)
    print(kind, password, dict(statuses), f"payer {max(waits):.2f} s", f"guests {max(each[2] for each in found):.2f} s")  # noqa: T201
    right = 200 if password == PASSWORD else 401
    assert set(statuses) <= {right, 429}
    assert statuses[right] > 0
    assert all(has_retry == (status == 429) for status, has_retry, _seconds in found)
    assert max(waits) < 1
    assert max((seconds for status, _retry, seconds in found if status == 429), default=0) < 4


def test_one_name_on_many_devices_is_let_in_after_a_moment(server: KillableServer) -> None:
    """The number of devices is higher than the number of sign-ins with one name that may fail within an hour."""
    User.objects.create(username="guest", password=make_password(PASSWORD, hasher=HASHERS["argon2"]))

    def sign_in_at_last(_device: int) -> list[float]:
        """Try until the server lets the device in. Return the pauses that the server has asked for."""
        pauses: list[float] = []
        while len(pauses) < 20:
            answer = requests.post(
                f"{server.url}/auth/token", json={"username": "guest", "password": PASSWORD}, timeout=30
            )
            if answer.status_code == 200:
                return pauses
            assert answer.status_code == 429
            pauses.append(float(answer.headers["Retry-After"]))
            time.sleep(pauses[-1])
        raise AssertionError(f"still refused after {pauses}")

    with ThreadPoolExecutor(CROWD) as pool:
        pauses = [pause for device in pool.map(sign_in_at_last, range(CROWD)) for pause in device]
    assert max(pauses, default=0) <= 3
