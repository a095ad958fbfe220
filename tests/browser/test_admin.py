"""The admin for people who use a screen reader or only a keyboard: every page, light and dark, wide and narrow."""

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import connection as django_connection

from api.audit import Author, record_change
from api.models import AuthorRole, ServerKey
from lab.stand_ins import run_stand_ins
from mongodb.collections import collection
from sessions_app.models import Recording, RecordingState
from taskqueue.results import RESULTS
from tests.browser.accessibility import findings
from tests.browser.chromium import Chromium, Page
from tests.browser.site import Site, open_site, wait_until

pytestmark = [
    pytest.mark.needs("chromium", "npm"),
    pytest.mark.e2e,
    pytest.mark.long,
    pytest.mark.django_db,
    pytest.mark.timeout(300),
]

connection: Any = django_connection
PASSWORD = "a long password"
# Language, colours, and the width of the screen.
LOOKS = [("en", "light", 1400), ("zh-hant", "dark", 390)]
MOST_TABS = 80
FOCUSED = "(e => (e.value || e.innerText || '').trim())(document.activeElement)"
BESIDES = ("/admin/", "/admin/find/?q=show", "/admin/decisions/", "/admin/no-such-page/", "/admin/auth/user/add/")


@pytest.fixture
def desk(db: None, tmp_path: Path) -> Iterator[Site]:
    """The product on the test's database, with something in most lists. DEBUG lets cookies do without HTTPS."""
    name = connection.settings_dict["NAME"]
    (tmp_path / "static").mkdir()
    with (
        run_stand_ins(mongodb_uri=os.environ["MONGODB_URI"], database=name, directory=tmp_path) as stand_ins,
        open_site(stand_ins, DEBUG="on") as site,
    ):
        yield site


@pytest.fixture
def page(desk: Site, chromium: Chromium) -> Page:
    """A page in which a superuser is signed in."""
    boss = User.objects.create_superuser("boss", password=PASSWORD)
    show = desk.create_show(starts_in_seconds=3600)
    now = datetime.now(UTC)
    Recording.objects.create(pk=show.goal_id, state=RecordingState.FAILED, error="BytePlus: 500", requested_at=now)
    ServerKey.objects.create(name="Tickets", digest="x", start="sk_12345", scopes=["read"], created_at=now)
    record_change("end_show", boss, by=Author(AuthorRole.STAFF, str(boss.pk), "boss"), reason="Asked by phone.")
    row = {
        "id": "a" * 32,
        "success": False,
        "name": "check_recordings",
        "args": "[]",
        "kwargs": "{}",
        "attempt_count": 1,
    }
    row |= {
        "func": "sessions_app.recordings.tasks.check_recordings",
        "result": '"BytePlus: 500"',
        "group": show.goal_id,
    }
    collection(RESULTS).insert_one(row | {"started": now, "stopped": now})
    page = chromium.open(f"{desk.api.base_url}/admin/login/")
    page.resize(1400, 1000)
    page.evaluate("document.querySelector('[name=username]').focus()")
    page.type("boss")
    page.press("Tab")
    page.type(PASSWORD)
    page.press("Enter")
    wait_until(lambda: "/login/" not in address(page))
    return page


def address(page: Page) -> str:
    return str(page.evaluate("location.pathname"))


def addresses() -> list[str]:
    """Return all lists, and the page of one row of each."""
    found = list(BESIDES)
    for model in admin.site._registry:
        base = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        found.append(base)
        row = model._default_manager.order_by().first()
        if row is not None:
            found.append(f"{base}{row.pk}/change/")
    user = User.objects.exclude(username="boss").latest("pk")
    return [*found, f"/admin/auth/user/{user.pk}/deactivate/"]


def show_as(page: Page, language: str, scheme: str, width: int) -> None:
    page.prefer(scheme)
    page.resize(width, 1000)
    page.browser.command("Network.enable", page.session)
    headers = {"Accept-Language": language}
    page.browser.command("Network.setExtraHTTPHeaders", page.session, headers=headers)


@pytest.mark.parametrize(("language", "scheme", "width"), LOOKS)
def test_axe_core_finds_nothing_serious(desk: Site, page: Page, language: str, scheme: str, width: int) -> None:
    show_as(page, language, scheme, width)
    found: dict[str, list[str]] = {}
    for path in addresses():
        page.load(f"{desk.api.base_url}{path}")
        grave = [each for each in findings(page) if each.startswith(("serious", "critical"))]
        if grave:
            found[path] = grave

    assert found == {}, json.dumps(found, indent=1, ensure_ascii=False)


def test_failed_task_is_run_again_by_the_keyboard(desk: Site, page: Page) -> None:
    tab_to(page, "failed tasks")
    page.press("Enter")
    wait_until(lambda: address(page) == "/admin/django_q/failure/")
    tab_to(page, " UTC")
    page.press("Enter")
    wait_until(lambda: address(page).endswith("/change/"))
    tab_to(page, "Run again")
    page.press("Enter")
    said = "Tasks that are in the queue again: 1"
    wait_until(lambda: said in str(page.evaluate("document.body.innerText")))

    assert said in str(page.evaluate("document.body.innerText"))
    assert collection(RESULTS).count_documents({"success": False}) == 0


def tab_to(page: Page, ending: str) -> None:
    """Press Tab until what has the focus ends so."""
    passed: list[str] = []
    while not str(page.evaluate(FOCUSED)).endswith(ending):
        assert len(passed) < MOST_TABS, (ending, passed)
        passed.append(str(page.evaluate(FOCUSED)))
        page.press("Tab")
