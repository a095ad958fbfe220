"""The two processes of a production gunicorn count requests together."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from django.contrib.auth.models import User

from api.authentication import issue_access
from tests.config.production import without_vendors
from tests.crash.server import KillableServer
from tests.factories.people import PASSWORD

pytestmark = [pytest.mark.django_db, pytest.mark.e2e]

TIMEOUT_SECONDS = 10
# The windows are a day long, so it is unlikely that one ends while the test runs.
LIMITS = {"THROTTLE": "on", "THROTTLE_USER": "100/day", "THROTTLE_LOGIN_NAME": "5/day", "THROTTLE_ADDRESS": "50/day"}
PROCESSES, THREADS = 2, 4
UNSEEN = 2  # requests that a process may not have reported yet: a fiftieth of the limit of 100


@pytest.fixture
def server(child_environment: dict[str, str]) -> Iterator[KillableServer]:
    server = KillableServer(child_environment | LIMITS | without_vendors())
    server.start()
    yield server
    server.close()


def statuses(url: str, times: int, *, access: str = "", password: str = "") -> Counter[int]:
    """Send concurrent requests, and count their statuses. With a password they sign in, otherwise they list goals."""
    headers = {"Authorization": f"Bearer {access}"} if access else {}
    body = {"username": "viewer", "password": password}

    def ask(_number: int) -> int:
        if password:
            return requests.post(f"{url}/auth/token", json=body, timeout=TIMEOUT_SECONDS).status_code
        return requests.get(f"{url}/goals", headers=headers, timeout=TIMEOUT_SECONDS).status_code

    with ThreadPoolExecutor(PROCESSES * THREADS) as pool:
        return Counter(pool.map(ask, range(times)))


def test_processes_count_together(server: KillableServer, viewer: User, streamer: User) -> None:
    found = statuses(server.url, 300, access=issue_access(viewer))
    assert 100 <= found[200] <= 100 + PROCESSES * UNSEEN * THREADS
    assert found[200] + found[429] == 300

    assert statuses(server.url, 5, access=issue_access(streamer)) == {200: 5}
    # Some of the requests may be refused because too many others wait for a password check. Such requests do not count
    # towards the limit.
    at_once = statuses(server.url, 12, password="wrong")
    later = sum((statuses(server.url, 1, password="wrong") for _ in range(5)), Counter())
    assert at_once + later == {401: 5, 429: 12}
    assert statuses(server.url, 1, password=PASSWORD) == {429: 1}
