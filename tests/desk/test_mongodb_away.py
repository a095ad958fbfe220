"""While MongoDB hangs or is gone, the admin soon says so in words. It recovers as soon as MongoDB does."""

import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from lab.bench.chaos.mongod import Mongod
from lab.demo.api import start_gunicorn
from lab.demo.children import Children
from lab.stand_ins import run_stand_ins
from tests.browser.site import wait_until

pytestmark = [pytest.mark.crash, pytest.mark.long, pytest.mark.xdist_group("mongod"), pytest.mark.timeout(180)]

PAGES = ("/admin/", "/admin/goals/goal/", "/admin/django_q/failure/", "/admin/find/?q=anna")
# The deadline of a request, with an allowance for a busy machine.
ANSWERED_WITHIN_SECONDS = 6.5
BACK_WITHIN_SECONDS = 10.0
PASSWORD = "a long password"
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="(\w+)"')


@pytest.fixture
def url(mongod: Mongod, tmp_path: Path) -> Iterator[str]:
    """The address of a server. DEBUG is off, because Django would show tracebacks otherwise."""
    with (
        run_stand_ins(mongodb_uri=mongod.uri, database="away", directory=tmp_path) as stand_ins,
        Children(stand_ins.environment() | {"DJANGO_SUPERUSER_PASSWORD": PASSWORD}, tmp_path) as children,
    ):
        children.run("migrate", ["manage.py", "migrate"])
        boss = ["createsuperuser", "--noinput", "--username", "boss", "--email", "boss@shows.example"]
        children.run("createsuperuser", ["manage.py", *boss])
        with start_gunicorn(children) as api:
            wait_until(api.is_up, 60)
            yield api.base_url


@pytest.fixture
def browser(url: str) -> requests.Session:
    """A browser in which a superuser is signed in."""
    browser = requests.Session()
    browser.headers["Accept"] = "text/html"
    login = f"{url}/admin/login/"
    (token,) = TOKEN.findall(browser.get(login, timeout=10).text)
    _send_without_https(browser)
    form = {"username": "boss", "password": PASSWORD, "csrfmiddlewaretoken": token, "next": "/admin/"}
    assert browser.post(login, form, timeout=10, allow_redirects=False).status_code == 302
    _send_without_https(browser)
    assert "What needs a person now" in browser.get(f"{url}/admin/", timeout=10).text
    return browser


def _send_without_https(browser: requests.Session) -> None:
    for cookie in browser.cookies:
        cookie.secure = False


@pytest.mark.parametrize("fault", [signal.SIGSTOP, signal.SIGKILL])
def test_pages_say_that_the_database_is_away(mongod: Mongod, url: str, browser: requests.Session, fault: int) -> None:
    os.kill(mongod.pid, fault)
    try:
        for page in PAGES:
            began = time.monotonic()
            answer = browser.get(f"{url}{page}", timeout=20)
            took = time.monotonic() - began
            told = (answer.status_code, answer.headers["Retry-After"], "The database does not answer" in answer.text)
            assert told == (503, "10", True), page
            assert took < ANSWERED_WITHIN_SECONDS, (page, took)
        assert "資料庫沒有回應" in browser.get(f"{url}/admin/?lang=zh-hant", timeout=20).text
        assert requests.get(f"{url}/goals", timeout=20).headers["Content-Type"] == "application/problem+json"
    finally:
        os.kill(mongod.pid, signal.SIGCONT) if fault == signal.SIGSTOP else mongod.start()

    back_by = time.monotonic() + BACK_WITHIN_SECONDS
    while browser.get(f"{url}/admin/", timeout=20).status_code != 200:
        assert time.monotonic() < back_by
        time.sleep(0.2)
